import { UnrecoverableError } from "bullmq";
import { tickQueueAddress } from "./queue-address.ts";
import type { BullQueue, QueueBackend } from "./queue-backend.ts";
import { quietRepeats } from "./quiet-repeats.ts";
import { toError } from "./to-error.ts";

const SCHEDULER_ID = "tick";
const LOCK_MS = 30_000;
const FAILED_TICKS_KEPT = 10;
const WATCH_MS_MIN = 100;
const WATCH_MS_MAX = 10_000;
/** A next tick that is this many intervals overdue has been lost. */
const INTERVALS_UNTIL_LOST = 5;
/** A next tick that is further ahead was planned by a clock that was wrong: nobody else would tick until then. */
const LONGEST_AHEAD_MS = 10_000;

export interface StartTickOptions {
  backend: QueueBackend;
  everyMs: number;
  /** One tick. Has to be idempotent: a tick whose process died is run again elsewhere. */
  handle(): Promise<void>;
  /** Told of what `handle` throws, and of trouble with the backend (the same complaint at most once in 10 s). */
  onError(error: Error): void;
}

export interface Tick {
  /** Takes no more ticks here and waits for a running one. Other processes go on. Idempotent. */
  close(): Promise<void>;
}

/**
 * Calls `handle` once per interval in one of the processes that run this, the first time at once.
 *
 * The next tick is made when one begins, and there is never more than one: intervals that pass while nobody can take a tick are
 * skipped, not made up for. A tick longer than its interval may overlap with the next one in another process. Every process
 * watches that a next tick exists, so ticks come back by themselves after Redis was emptied.
 */
export function startTick({ backend, everyMs, handle, onError }: StartTickOptions): Tick {
  const queue = backend.openQueue(tickQueueAddress(backend.namespace));
  const report = quietRepeats(onError);

  async function runTick(): Promise<void> {
    try {
      await handle();
    } catch (error) {
      onError(toError(error));
      throw new UnrecoverableError("The tick threw; its error is in the scheduler's log.");
    }
  }

  const ticker = backend.openWorker(tickQueueAddress(backend.namespace), runTick, {
    concurrency: 1,
    lockDuration: LOCK_MS,
    stalledInterval: LOCK_MS,
    onError,
  });
  const watch = watchSchedule(backend, queue, everyMs, report);

  let closed: Promise<void> | undefined;
  return {
    close: () => {
      closed ??= Promise.all([watch.stop(), ticker.close()]).then(() => queue.close());
      return closed;
    },
  };
}

/** Makes the schedule, and makes it again whenever it has vanished. */
function watchSchedule(backend: QueueBackend, queue: BullQueue, everyMs: number, report: (error: Error) => void) {
  const pauseMs = Math.min(Math.max(everyMs, WATCH_MS_MIN), WATCH_MS_MAX);
  let timer: NodeJS.Timeout | undefined;
  let established = false;
  let stopped = false;

  async function ensureScheduled(): Promise<void> {
    const want = { ofThisInterval: !established };
    if (!(await isScheduled(queue, everyMs, want))) {
      // Processes that start together would each make a first tick: one does, the others look again.
      await backend.alone("tick", async () => {
        if (!(await isScheduled(queue, everyMs, want))) await schedule(queue, everyMs);
      });
    }
    established = true;
  }
  async function look(): Promise<void> {
    await ensureScheduled().catch((error: unknown) => report(toError(error)));
    if (!stopped) timer = setTimeout(lookAgain, pauseMs);
  }
  const lookAgain = () => {
    looking = look();
  };
  let looking = look();

  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await looking;
    },
  };
}

/** Only a process that starts insists on its own interval: two releases that run side by side would else contend for ever. */
async function isScheduled(queue: BullQueue, everyMs: number, want: { ofThisInterval: boolean }): Promise<boolean> {
  const scheduled = await queue.getJobScheduler(SCHEDULER_ID);
  if (scheduled === undefined) return false;
  if (want.ofThisInterval && scheduled.every !== everyMs) return false;
  if (scheduled.next === undefined || isTooFarAhead(scheduled, everyMs)) return false;
  return Date.now() - scheduled.next < INTERVALS_UNTIL_LOST * (scheduled.every ?? everyMs);
}

async function schedule(queue: BullQueue, everyMs: number): Promise<void> {
  const scheduled = await queue.getJobScheduler(SCHEDULER_ID);
  // It would be kept otherwise.
  if (scheduled !== undefined && isTooFarAhead(scheduled, everyMs)) await queue.removeJobScheduler(SCHEDULER_ID);
  const opts = { removeOnComplete: true, removeOnFail: FAILED_TICKS_KEPT };
  await queue.upsertJobScheduler(SCHEDULER_ID, { every: everyMs }, { name: "tick", opts });
}

function isTooFarAhead({ next, every }: { readonly next?: number; readonly every?: number }, everyMs: number): boolean {
  return next !== undefined && next - Date.now() > (every ?? everyMs) + LONGEST_AHEAD_MS;
}
