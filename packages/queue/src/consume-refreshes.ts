import { UnrecoverableError } from "bullmq";
import { applySignal, type RefreshSignal } from "./apply-signal.ts";
import { refreshQueueAddress } from "./queue-address.ts";
import type { BullWorker, QueueBackend } from "./queue-backend.ts";
import { connectionIdOf } from "./refresh-job.ts";
import { toError } from "./to-error.ts";

/**
 * BullMQ heeds a manual rate limit only where a limiter is set; this one never limits by itself. A budget of
 * `RefreshQueues.setBudget` takes its place.
 */
const NO_LIMIT_OF_ITS_OWN = { max: 2 ** 31 - 1, duration: 1_000 };
/** A throttled worker looks this often whether it still is. */
const THROTTLE_CHECK_MS = 5_000;

export interface ConsumeRefreshesOptions {
  backend: QueueBackend;
  appId: string;
  /** Jobs in hand at once, in this process. */
  concurrency: number;
  /** How long a job is ours without a sign of life (renewed every half of it). A dead worker's jobs are handed out again after
   * one to three times this. */
  lockMs: number;
  /** One refresh. May be called for the same connection by two processes at once, after a stall: the claim decides. */
  handle(connectionId: string): Promise<RefreshSignal>;
  /** Told of what `handle` throws, and of trouble with the backend (the same complaint at most once in 10 s). */
  onError(error: Error): void;
}

export interface RefreshConsumer {
  /** Takes no more jobs and waits for the running ones; never cancels them. Idempotent. */
  close(): Promise<void>;
}

/**
 * Works through one app's queue until closed. Starts at once, also while the backend is away.
 *
 * At least once: a job whose worker died or stalled is handed out again. A handler that throws costs its job and nothing else:
 * the connection can be offered again. Of the error only the fact goes into the queue; the error itself goes to `onError`.
 */
export function consumeRefreshes(options: ConsumeRefreshesOptions): RefreshConsumer {
  const { backend, appId, concurrency, lockMs, handle, onError } = options;

  async function refresh(data: unknown, worker: BullWorker): Promise<void> {
    let signal: RefreshSignal;
    try {
      signal = await handle(connectionIdOf(data));
    } catch (error) {
      onError(toError(error));
      throw new UnrecoverableError("The handler threw; its error is in the worker's log.");
    }
    await applySignal(signal, worker).catch((error: unknown) => onError(toError(error)));
  }

  const { close } = backend.openWorker(
    refreshQueueAddress(backend.namespace, appId),
    (job, worker) => refresh(job.data, worker),
    {
      concurrency,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      limiter: NO_LIMIT_OF_ITS_OWN,
      maximumRateLimitDelay: THROTTLE_CHECK_MS,
      onError,
    },
  );
  return { close };
}
