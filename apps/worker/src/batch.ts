import { setTimeout as delay } from "node:timers/promises";
import DataLoader from "dataloader";

/** A batch that takes longer than this no longer holds up the next one. */
const LONGEST_TURN_MS = 1_000;

/** The answers of one batch, each as soon as it is known, and its end. */
export interface BatchUnderWay<Answer> {
  /** In the order of the items. */
  readonly results: readonly Promise<Answer>[];
  /** Never rejects. */
  readonly done: Promise<unknown>;
}

/**
 * Turns single calls into batches: what is asked for while a batch is under way goes into the next
 * one. At rest a call waits for nothing; under load batches grow with the time that one takes.
 *
 * @param run gets the items of one batch, answers for each in the same order; a rejection fails the whole batch
 */
export function batch<Item, Answer>(
  run: (items: readonly Item[]) => Promise<readonly Answer[]>,
  largestBatch: number,
): (item: Item) => Promise<Answer> {
  return batchOfEach((items) => {
    const work = run(items);
    const results = items.map((_, index) => work.then((answers) => answers[index] as Answer));
    return { results, done: work.catch(() => undefined) };
  }, largestBatch);
}

/** As `batch`, where an item of a batch may be answered before the others. */
export function batchOfEach<Item, Answer>(
  run: (items: readonly Item[]) => BatchUnderWay<Answer>,
  largestBatch: number,
): (item: Item) => Promise<Answer> {
  let underWay: Promise<unknown> = Promise.resolve();
  const loader = new DataLoader<Item, Promise<Answer>>(
    (items) => {
      const { results, done } = run(items);
      underWay = Promise.race([done, delay(LONGEST_TURN_MS, undefined, { ref: false })]);
      return Promise.resolve(results);
    },
    {
      cache: false,
      maxBatchSize: largestBatch,
      batchScheduleFn: (dispatch) => void underWay.then(() => setImmediate(dispatch)),
    },
  );
  // A promise that is resolved with a promise becomes it.
  return (item) => loader.load(item) as Promise<unknown> as Promise<Answer>;
}
