import { setTimeout as sleep } from "node:timers/promises";
import type { Store } from "./client.ts";
import { describeStoreError, isTransient } from "./client-errors.ts";

const firstDelayMs = 250;
const longestDelayMs = 5_000;

export interface WaitOptions {
  /** Ends the wait: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called once, at the first failure, with one line that says what is waited for. */
  onWaiting?(reason: string): void;
}

/**
 * Resolves once PostgreSQL answers, however long that takes: processes may start in any order.
 * Rejects at once with one clear line where waiting cannot help (wrong password, no such database).
 */
export async function waitForDatabase(store: Pick<Store, "ping">, options: WaitOptions = {}): Promise<void> {
  await untilDatabaseTakes(
    () =>
      store.ping().catch((error: unknown) => {
        throw isTransient(error) ? error : unusable(error);
      }),
    options,
  );
}

/**
 * Does a piece of work, and again while PostgreSQL is away, read-only or full, however long that takes.
 *
 * @param work may be repeated: whether a try that failed has had an effect is not known
 * @throws what it throws otherwise
 */
export async function untilDatabaseTakes<T>(work: () => Promise<T>, options: WaitOptions = {}): Promise<T> {
  for (let delayMs = firstDelayMs; ; delayMs = Math.min(delayMs * 2, longestDelayMs)) {
    options.signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!isTransient(error)) throw error;
      if (delayMs === firstDelayMs) options.onWaiting?.(`Waiting for PostgreSQL: ${describeStoreError(error)}.`);
    }
    await sleep(delayMs, undefined, options.signal && { signal: options.signal }).catch(() => {});
  }
}

function unusable(error: unknown): Error {
  return new Error(`PostgreSQL answers, but cannot be used: ${describeStoreError(error)}.`, { cause: error });
}
