import type { CutPoint, Fault, WorkerFault } from "../plan/fault.ts";
import { MINUTE_MS } from "../world/settings.ts";
import type { VirtualProcess } from "./virtual-process.ts";

type Hit = Extract<Fault, WorkerFault>;

/** Kills, stops and stalls that wait for a worker to reach their point. */
export class Traps {
  readonly #armed: Hit[] = [];
  readonly #kill: (process: VirtualProcess, downMs: number) => void;
  readonly #stop: (process: VirtualProcess, until: number) => void;
  readonly #stall: (process: VirtualProcess, until: number) => void;

  constructor(hits: {
    readonly kill: (process: VirtualProcess, downMs: number) => void;
    readonly stop: (process: VirtualProcess, until: number) => void;
    readonly stall: (process: VirtualProcess, until: number) => void;
  }) {
    this.#kill = hits.kill;
    this.#stop = hits.stop;
    this.#stall = hits.stall;
  }

  arm(fault: Hit): void {
    this.#armed.push(fault);
  }

  /** Whether the process has just been killed or stopped here. */
  spring(point: CutPoint, process: VirtualProcess): boolean {
    if (this.#armed.length === 0) return false;
    const index = this.#armed.findIndex((fault) => fault.point === point);
    const fault = this.#armed[index];
    if (fault === undefined) return false;
    this.#armed.splice(index, 1);
    const forMs = fault.forMin * MINUTE_MS;
    const until = process.clock.now + forMs;
    if (fault.kind === "kill") this.#kill(process, forMs);
    else if (fault.kind === "stop") this.#stop(process, until);
    else this.#stall(process, until);
    return fault.kind !== "stall";
  }
}
