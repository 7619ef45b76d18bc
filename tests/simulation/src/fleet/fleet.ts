import type { Disturbances } from "../checks/disturbances.ts";
import type { VirtualClock } from "../clock/virtual-clock.ts";
import { APP_IDS, type AppId } from "../provider/apps.ts";
import { MINUTE_MS, STALLED_AFTER_MS, WORKERS } from "../world/settings.ts";
import type { HintQueues } from "./hint-queues.ts";
import { VirtualProcess } from "./virtual-process.ts";
import { Worker, type WorkerParts } from "./worker.ts";

const DRAIN_EVERY_MS = 5_000;
const RESTART_MS = 5_000;
/** Shorter than an answer takes. */
const STALL_EVERY_MS = 50;
/** What a lost or sleeping worker had in hand is somebody else's within this time. */
const TAKEN_OVER_AFTER_MS = 5 * MINUTE_MS;
const NO_WORKER = "no worker runs";

/** The workers: they die, sleep, are restarted, and share the hints. */
export class Fleet {
  readonly #clock: VirtualClock;
  readonly #parts: WorkerParts;
  readonly #disturbances: Disturbances;
  readonly #slots: (Worker | null)[] = [];
  #started = 0;
  #isDraining = false;

  constructor(clock: VirtualClock, parts: WorkerParts, disturbances: Disturbances) {
    this.#clock = clock;
    this.#parts = parts;
    this.#disturbances = disturbances;
    for (let slot = 0; slot < WORKERS; slot++) this.#start(slot);
  }

  get workers(): readonly Worker[] {
    return this.#slots.filter((worker) => worker !== null);
  }

  /** A worker with a free hand takes the hint; which one depends on the connection, and on who has it in hand already. */
  take(appId: AppId, connectionId: string): boolean {
    const first = connectionId.length + connectionId.charCodeAt(connectionId.length - 1);
    let busyWithIt: Worker | null = null;
    for (let step = 0; step < WORKERS; step++) {
      const worker = this.#slots[(first + step) % WORKERS];
      if (worker === undefined || worker === null || !worker.canTake(appId)) continue;
      if (worker.inHand[appId].has(connectionId)) {
        busyWithIt = worker;
        continue;
      }
      worker.take(appId, connectionId);
      return true;
    }
    busyWithIt?.take(appId, connectionId);
    return busyWithIt !== null;
  }

  kill(process: VirtualProcess, downMs: number): void {
    const slot = this.#slots.findIndex((worker) => worker?.process === process);
    const worker = this.#slots[slot];
    if (worker === undefined || worker === null) return;
    process.die();
    this.#slots[slot] = null;
    this.#leaveBehind(worker);
    this.#clock.at(this.#clock.now + downMs, () => this.#start(slot));
    this.#noteWhetherAnyRuns();
  }

  stop(process: VirtualProcess, until: number): void {
    const worker = this.workers.find((other) => other.process === process);
    process.stop(until);
    if (worker !== undefined) this.#leaveBehind(worker);
    this.#noteWhetherAnyRuns();
    this.#clock.at(until, () => {
      this.#noteWhetherAnyRuns();
      this.#queues.dispatchAll();
    });
  }

  /** Its jobs are handed out again and again although it is at work on them: what keeps order then is the lease. */
  stall(process: VirtualProcess, until: number): void {
    const worker = this.workers.find((other) => other.process === process);
    if (worker === undefined || process.isDead || this.#clock.now >= until) return;
    for (const appId of APP_IDS) for (const id of worker.inHand[appId]) this.#queues.stalled(appId, id);
    this.#clock.at(this.#clock.now + STALL_EVERY_MS, () => this.stall(process, until));
  }

  killAll(downMs: number): void {
    for (const { process } of this.workers) this.kill(process, downMs);
  }

  /** SIGTERM one after the other: each ends when what it has in hand is settled or safe. */
  restartAll(): void {
    for (const [slot, worker] of this.#slots.entries()) {
      worker?.stop(() => {
        worker.process.die();
        if (this.#slots[slot] === worker) this.#slots[slot] = null;
        this.#clock.at(this.#clock.now + RESTART_MS, () => this.#start(slot));
        this.#noteWhetherAnyRuns();
      });
    }
    this.#noteWhetherAnyRuns();
  }

  /** To be told whenever something was put into the escrow: running workers look into it from then on. */
  watchEscrow(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#clock.at(this.#clock.now + DRAIN_EVERY_MS, () => this.#drain());
  }

  #drain(): void {
    this.#isDraining = false;
    if (this.#parts.escrow.size === 0) return;
    for (const worker of this.workers) {
      // What fails is looked at again with the next round.
      if (worker.process.isRunning) this.#clock.spawn(() => worker.drainEscrow().catch(() => undefined));
    }
    this.watchEscrow();
  }

  #start(slot: number): void {
    if (this.#slots[slot] !== undefined && this.#slots[slot] !== null) return;
    this.#started += 1;
    this.#slots[slot] = new Worker(new VirtualProcess(`worker ${this.#started}`, this.#clock), this.#parts);
    this.#noteWhetherAnyRuns();
    if (this.#started > WORKERS) this.#queues.dispatchAll();
  }

  /** Its refreshes are overdue until others have noticed, and its jobs are handed out again. */
  #leaveBehind(worker: Worker): void {
    for (const appId of APP_IDS) {
      for (const connectionId of worker.inHand[appId]) {
        const customer = this.#parts.customersById.get(connectionId);
        const until = Math.max(this.#clock.now, worker.process.stoppedUntil) + TAKEN_OVER_AFTER_MS;
        if (customer !== undefined) customer.disturbedUntil = Math.max(customer.disturbedUntil, until);
        this.#clock.at(this.#clock.now + STALLED_AFTER_MS, () => this.#queues.stalled(appId, connectionId));
      }
    }
  }

  #noteWhetherAnyRuns(): void {
    const runs = this.workers.some(({ process, isStopping }) => process.isRunning && !isStopping);
    if (runs) this.#disturbances.end(NO_WORKER, this.#clock.now);
    else this.#disturbances.begin(NO_WORKER, null, this.#clock.now);
  }

  get #queues(): HintQueues {
    return this.#parts.queues();
  }
}
