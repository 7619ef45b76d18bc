import { tick } from "@evergrant/scheduler/tick";
import type { VirtualClock } from "../clock/virtual-clock.ts";
import { DESCRIPTORS } from "../provider/apps.ts";
import type { RefreshStore } from "../store/memory-store.ts";
import type { Tables } from "../store/tables.ts";
import { QUEUE_DEPTH, SWEEP_MS, TICK_MS } from "../world/settings.ts";
import type { HintQueues } from "./hint-queues.ts";

/**
 * Production's tick, once a second of virtual time, as long as there is something for it to find: a tick
 * that would find nothing is left out.
 */
export class Scheduler {
  /** How many faults keep every scheduler from ticking. */
  awayCount = 0;
  readonly #clock: VirtualClock;
  readonly #tables: Tables;
  readonly #queues: HintQueues;
  readonly #store: RefreshStore;
  #plannedAt = Number.POSITIVE_INFINITY;

  /** @param store as the scheduler's process sees it */
  constructor(clock: VirtualClock, tables: Tables, queues: HintQueues, store: RefreshStore) {
    this.#clock = clock;
    this.#tables = tables;
    this.#queues = queues;
    this.#store = store;
  }

  /** Something is due at a time, epoch ms: there is a tick at the first whole second from then on. */
  wake(dueAt: number): void {
    const at = Math.ceil(Math.max(dueAt, this.#clock.now) / TICK_MS) * TICK_MS;
    if (at >= this.#plannedAt) return;
    this.#plannedAt = at;
    this.#clock.at(at, () => {
      if (this.#plannedAt === at) this.#clock.spawn(() => this.#tick());
    });
  }

  async #tick(): Promise<void> {
    this.#plannedAt = Number.POSITIVE_INFINITY;
    // The tick itself is a job of the queue.
    if (this.awayCount === 0 && !this.#queues.isAway) {
      await tick(this.#parts, { depth: QUEUE_DEPTH, sweepMs: SWEEP_MS }).catch(() => 0);
    }
    for (const app of this.#tables.apps.values()) {
      const next = app.breakerState === "closed" ? app.due.earliest(this.#clock.now) : app.breakerProbeAt;
      if (next !== null) this.wake(Math.max(next, this.#clock.now + TICK_MS));
    }
  }

  /** An app without any would be looked at and left as it is. */
  #hasWork(appId: string): boolean {
    const app = this.#tables.apps.get(appId);
    if (app === undefined) return false;
    return app.breakerState !== "closed" || (app.due.earliest(this.#clock.now) ?? Infinity) <= this.#clock.now;
  }

  readonly #parts: Parameters<typeof tick>[0] = {
    readAppSchedules: async () => {
      const apps = await this.#store.readAppSchedules();
      return apps.filter(({ appId }) => this.#hasWork(appId));
    },
    readDue: (query) => this.#store.readDue(query),
    saveCursor: (entry) => this.#store.saveCursor(entry),
    waiting: async (appId) => this.#queues.waiting(appId),
    offer: async (appId, hints) => this.#queues.offer(appId, hints),
    probe: async (appId) => {
      const descriptor = Object.values(DESCRIPTORS).find(({ provider }) => provider === appId);
      if (descriptor === undefined) return null;
      const probe = await this.#store.takeProbe({ appId, probeMs: descriptor.breaker.probeMs });
      if (probe.kind === "nobody") await this.#store.closeBreaker({ appId, by: "nobody_left" });
      return probe.kind === "try" ? probe.connectionId : null;
    },
    urge: async (appId, connectionId) => this.#queues.urge(appId, connectionId),
    onError: () => {},
  };
}
