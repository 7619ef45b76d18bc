import { AD_HOC_PRIORITY } from "@evergrant/core";
import FlatQueue from "flatqueue";
import type { VirtualClock } from "../clock/virtual-clock.ts";
import { APP_IDS, type AppId } from "../provider/apps.ts";

const LONGEST_PAUSE_MS = 300_000;
const SHORTEST_PAUSE_MS = 1_000;

interface AppQueue {
  readonly order: FlatQueue<string>;
  /** Waiting ids and their priority; an entry of `order` with another priority is out of date. */
  readonly waiting: Map<string, number>;
  readonly active: Set<string>;
  pausedUntil: number;
}

/** What takes a hint; false when it has its hands full. */
export type TakeHint = (appId: AppId, connectionId: string) => boolean;

/** The queue as the fleet uses it: a hint waits once for each connection, most urgent first, and may be lost. */
export class HintQueues {
  isAway = false;
  readonly #clock: VirtualClock;
  readonly #take: TakeHint;
  readonly #queues = new Map<string, AppQueue>();

  constructor(clock: VirtualClock, take: TakeHint) {
    this.#clock = clock;
    this.#take = take;
    for (const appId of APP_IDS) this.#queues.set(appId, emptyQueue());
  }

  waiting(appId: string): number {
    this.#requireReachable();
    return this.#queueOf(appId).waiting.size;
  }

  offer(appId: string, hints: readonly { readonly connectionId: string; readonly priority: number }[]): void {
    this.#requireReachable();
    const queue = this.#queueOf(appId);
    for (const { connectionId, priority } of hints) {
      if (queue.waiting.has(connectionId) || queue.active.has(connectionId)) continue;
      add(queue, connectionId, priority);
    }
    this.dispatch(appId);
  }

  urge(appId: string, connectionId: string): void {
    this.#requireReachable();
    const queue = this.#queueOf(appId);
    if (!queue.active.has(connectionId)) add(queue, connectionId, AD_HOC_PRIORITY);
    this.dispatch(appId);
  }

  /** The job has ended, whatever came of it. */
  done(appId: string, connectionId: string): void {
    this.#queueOf(appId).active.delete(connectionId);
    this.dispatch(appId);
  }

  /** The job's lock has run out: it is handed out again, unless it was forgotten meanwhile. */
  stalled(appId: string, connectionId: string): void {
    const queue = this.#queueOf(appId);
    if (!queue.active.delete(connectionId)) return;
    add(queue, connectionId, AD_HOC_PRIORITY);
    this.dispatch(appId);
  }

  pause(appId: string, askedMs: number): void {
    const queue = this.#queueOf(appId);
    const until = this.#clock.now + Math.min(Math.max(askedMs, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS);
    if (until <= queue.pausedUntil) return;
    queue.pausedUntil = until;
    this.#clock.at(until, () => this.dispatch(appId));
  }

  /** FLUSHALL. */
  empty(): void {
    for (const appId of APP_IDS) this.#queues.set(appId, emptyQueue());
  }

  dispatchAll(): void {
    for (const appId of APP_IDS) this.dispatch(appId);
  }

  dispatch(appId: string): void {
    const queue = this.#queueOf(appId);
    const known = APP_IDS.find((id) => id === appId);
    if (known === undefined || this.isAway || queue.pausedUntil > this.#clock.now) return;
    for (let id = queue.order.peek(); id !== undefined; id = queue.order.peek()) {
      if (queue.waiting.get(id) === queue.order.peekValue()) {
        if (!this.#take(known, id)) return;
        queue.waiting.delete(id);
        queue.active.add(id);
      }
      queue.order.pop();
    }
  }

  #queueOf(appId: string): AppQueue {
    const queue = this.#queues.get(appId);
    if (queue === undefined) throw new Error(`There is no queue for ${appId}.`);
    return queue;
  }

  #requireReachable(): void {
    if (this.isAway) throw new Error("The queue does not answer.");
  }
}

function add(queue: AppQueue, connectionId: string, priority: number): void {
  queue.waiting.set(connectionId, priority);
  queue.order.push(connectionId, priority);
}

function emptyQueue(): AppQueue {
  return { order: new FlatQueue(), waiting: new Map(), active: new Set(), pausedUntil: Number.NEGATIVE_INFINITY };
}
