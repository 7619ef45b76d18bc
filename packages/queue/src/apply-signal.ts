import type { BullWorker } from "./queue-backend.ts";

/**
 * What a handled refresh asks of the queue. Nothing else does: whether and when a connection is due again stands in its row,
 * and `done` covers every outcome, failed refreshes included.
 */
export type RefreshSignal = { readonly kind: "done" } | { readonly kind: "throttled"; readonly retryAfterMs: number };

/** The longest that one answer may hold up a whole app; after it one more request asks the provider again. */
const THROTTLE_MS_MAX = 300_000;
/** Also the length of the rate limiter's ordinary window, so that the two are never mistaken for each other. */
const THROTTLE_MS_MIN = 1_000;

/**
 * Lets `throttled` stop the fetching of jobs of this queue in the whole fleet. A later end is kept, never shortened. Jobs that
 * run already go on, and the job at hand completes.
 */
export async function applySignal(signal: RefreshSignal, worker: BullWorker): Promise<void> {
  switch (signal.kind) {
    case "done":
      return;
    case "throttled": {
      const wantedMs = Math.min(Math.max(Math.ceil(signal.retryAfterMs), THROTTLE_MS_MIN), THROTTLE_MS_MAX);
      const queue = worker.getBackend();
      if ((await queue.getRateLimitTtl()) < wantedMs) await queue.setRateLimit(wantedMs);
      return;
    }
    default:
      return signal satisfies never;
  }
}
