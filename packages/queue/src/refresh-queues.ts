import type { JobType } from "bullmq";
import { refreshQueueAddress } from "./queue-address.ts";
import type { BullQueue, QueueBackend } from "./queue-backend.ts";
import { QueueBackendError } from "./queue-backend-error.ts";
import { FIRST_PRIORITY, refreshJobOf, URGENT_PRIORITY } from "./refresh-job.ts";

/** One transaction each. In Postgres every job of a batch holds an advisory lock until its end. */
const BATCH_SIZE = 500;
const URGE_ATTEMPTS = 3;
const BUDGET_WINDOW_MS = 1_000;
/** How the Postgres backend counts the urged jobs of a paused queue; BullMQ's types have dropped the word. */
const PAUSED = "paused" as JobType;

/** A connection that is due. */
export interface RefreshHint {
  readonly connectionId: string;
  /** 1 (most urgent) to 2^21 - 1. */
  readonly priority: number;
}

export type Urged = "added" | "raised" | "running";

export interface QueueDepth {
  /** Offered and not yet in hand. */
  readonly waiting: number;
  /** In hand, those of dead workers included until their locks run out. */
  readonly active: number;
}

/** How politely the whole fleet treats one app's provider. A part left out is not limited. */
export interface RefreshBudget {
  /** Refreshes in hand at once, a whole number from 1. */
  readonly maxConcurrent?: number;
  /** Refreshes begun in a second, a whole number from 1. */
  readonly maxPerSecond?: number;
}

/**
 * The producers' side: one queue per OAuth app.
 *
 * All methods reject with a QueueBackendError within seconds while the backend is away, and work again once it is back. What was
 * written may then be gone (Redis was emptied): budgets and pauses are to be set again from time to time, hints come back with the
 * next look at the rows.
 */
export class RefreshQueues {
  readonly #backend: QueueBackend;
  readonly #queues = new Map<string, BullQueue>();

  constructor(backend: QueueBackend) {
    this.#backend = backend;
  }

  /**
   * Hints that these connections are due. One that already waits or runs is left as it is, its priority too.
   * Equal priorities are worked off in the order given. When it rejects, a part may have been added: offer all again.
   */
  async offer(appId: string, hints: readonly RefreshHint[]): Promise<void> {
    const jobs = hints.map((hint) => refreshJobOf(hint.connectionId, hint.priority));
    await this.#ask(appId, async (queue) => {
      for (let start = 0; start < jobs.length; start += BATCH_SIZE) {
        await queue.addBulk(jobs.slice(start, start + BATCH_SIZE));
      }
    });
  }

  /**
   * Puts one connection before all offered ones, behind those urged earlier.
   *
   * @returns `added`: it did not wait and does now; `raised`: it waited and has moved to the front; `running`: it is in hand
   * at this moment, which may have begun before the call.
   */
  urge(appId: string, connectionId: string): Promise<Urged> {
    return this.#ask(appId, async (queue) => {
      for (let attempt = 1; attempt <= URGE_ATTEMPTS; attempt += 1) {
        const urged = await urgeOnce(queue, connectionId);
        if (urged !== undefined) return urged;
      }
      return "running"; // Each look found a job that was just being finished.
    });
  }

  depth(appId: string): Promise<QueueDepth> {
    return this.#ask(appId, async (queue) => {
      const counts = await queue.getJobCounts("waiting", PAUSED, "prioritized", "delayed", "active");
      const { active = 0, ...waiting } = counts;
      return { waiting: Object.values(waiting).reduce((sum, count) => sum + count, 0), active };
    });
  }

  /**
   * Limits what all workers together do to one app; null lifts all limits. Idempotent, and cheap enough for every tick.
   *
   * @throws RangeError when a limit is not a whole number from 1.
   */
  async setBudget(appId: string, budget: RefreshBudget | null): Promise<void> {
    const { maxConcurrent, maxPerSecond } = budget ?? {};
    requireWhole("maxConcurrent", maxConcurrent);
    requireWhole("maxPerSecond", maxPerSecond);
    await this.#ask(appId, (queue) =>
      Promise.all([
        maxConcurrent === undefined ? queue.removeGlobalConcurrency() : queue.setGlobalConcurrency(maxConcurrent),
        maxPerSecond === undefined
          ? queue.removeGlobalRateLimit()
          : queue.setGlobalRateLimit(maxPerSecond, BUDGET_WINDOW_MS),
      ]),
    );
  }

  /** From now on no worker takes a job of this app; running ones go on, offers are kept. */
  pause(appId: string): Promise<void> {
    return this.#ask(appId, (queue) => queue.pause());
  }

  resume(appId: string): Promise<void> {
    return this.#ask(appId, (queue) => queue.resume());
  }

  isPaused(appId: string): Promise<boolean> {
    return this.#ask(appId, (queue) => queue.isPaused());
  }

  async close(): Promise<void> {
    const queues = [...this.#queues.values()];
    this.#queues.clear();
    await Promise.all(queues.map((queue) => queue.close()));
  }

  async #ask<T>(appId: string, question: (queue: BullQueue) => Promise<T>): Promise<T> {
    const queue = this.#open(appId);
    try {
      return await question(queue);
    } catch (error) {
      throw new QueueBackendError(this.#backend.kind, error);
    }
  }

  #open(appId: string): BullQueue {
    const open = this.#queues.get(appId);
    if (open !== undefined) return open;
    const queue = this.#backend.openQueue(refreshQueueAddress(this.#backend.namespace, appId));
    this.#queues.set(appId, queue);
    return queue;
  }
}

/** Undefined when the job that was in the way has ended meanwhile. */
async function urgeOnce(queue: BullQueue, connectionId: string): Promise<Urged | undefined> {
  const { name, data, opts } = refreshJobOf(connectionId, FIRST_PRIORITY);
  const jobId = `urged-${crypto.randomUUID()}`;
  const added = await queue.add(name, data, { ...opts, priority: URGENT_PRIORITY, jobId });
  if (added.id === jobId) return "added";

  const present = added.id === undefined ? undefined : await queue.getJob(added.id);
  const state = await present?.getState();
  if (present === undefined || state === "unknown" || state === "completed" || state === "failed") return undefined;
  if (state === "active") return "running";
  if (present.priority !== URGENT_PRIORITY) await present.changePriority({ priority: URGENT_PRIORITY });
  return "raised";
}

function requireWhole(name: keyof RefreshBudget, limit: number | undefined): void {
  if (limit === undefined || (Number.isSafeInteger(limit) && limit >= 1)) return;
  throw new RangeError(`The budget's ${name} is ${limit}; it has to be a whole number from 1.`);
}
