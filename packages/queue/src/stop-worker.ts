import type { BullWorker } from "./queue-backend.ts";
import type { ConsumerConnections } from "./queue-driver.ts";

/** How long a worker whose jobs have all ended may take to write so down. */
const LAST_WORDS_MS = 3_000;

/**
 * Takes no more jobs, waits for the running ones however long they take, then lets the connections go.
 *
 * BullMQ's own close waits for its backend without a bound. So once no handler runs it has 3 s left; then the connections are
 * dropped, which ends its waiting. A job that could not be marked as done stalls and is handed out once more: a hint too many.
 */
export async function stopWorker(
  worker: BullWorker,
  running: ReadonlySet<Promise<void>>,
  connections: ConsumerConnections,
): Promise<void> {
  const closed = worker.close();
  do {
    await Promise.race([closed, allEnded(running)]);
    if (await endsWithin(closed, LAST_WORDS_MS)) return connections.close();
  } while (running.size > 0); // One more was fetched while the worker closed.
  connections.drop();
  await endsWithin(closed, LAST_WORDS_MS);
}

async function allEnded(running: ReadonlySet<Promise<void>>): Promise<void> {
  while (running.size > 0) await Promise.allSettled(running);
}

async function endsWithin(promise: Promise<void>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  const ended = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return ended;
}
