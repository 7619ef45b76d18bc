import { setTimeout as delay } from "node:timers/promises";
import DataLoader from "dataloader";

/** A batch that takes longer than this no longer holds up the next one. */
const LONGEST_TURN_MS = 1_000;

/**
 * Turns single calls into batches: what is asked for while a batch is under way goes into the next
 * one. At rest a call waits for nothing; under load batches grow with the time that one takes.
 *
 * @param run gets the items of one batch, answers for each in the same order; an `Error` in the
 *   answer fails that item alone, a rejection fails the whole batch
 */
export function batch<Item, Answer>(
  run: (items: readonly Item[]) => Promise<readonly (Answer | Error)[]>,
  largestBatch: number,
): (item: Item) => Promise<Answer> {
  let underWay: Promise<unknown> = Promise.resolve();
  const loader = new DataLoader<Item, Answer>(
    (items) => {
      const work = run(items);
      underWay = Promise.race([work.catch(() => undefined), delay(LONGEST_TURN_MS, undefined, { ref: false })]);
      return work;
    },
    {
      cache: false,
      maxBatchSize: largestBatch,
      batchScheduleFn: (dispatch) => void underWay.then(() => setImmediate(dispatch)),
    },
  );
  return (item) => loader.load(item);
}
