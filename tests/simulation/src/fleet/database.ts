import type { RefreshStore } from "../store/memory-store.ts";
import type { Tables } from "../store/tables.ts";
import type { Traps } from "./traps.ts";
import type { VirtualProcess } from "./virtual-process.ts";

/** The database does not answer this process. */
export class DatabaseAway extends Error {
  override readonly name = "DatabaseAway";
}

/** The one database, and who can reach it. */
export class Database {
  readonly #store: RefreshStore;
  readonly #tables: Tables;
  readonly #traps: Traps;
  /** How many faults keep it away from everybody. */
  awayCount = 0;
  /** How many faults let commits go unheard. */
  unheardCount = 0;
  readonly cutOff = new Map<VirtualProcess, number>();
  readonly #lastAway = new Map<VirtualProcess, number>();

  constructor(store: RefreshStore, tables: Tables, traps: Traps) {
    this.#store = store;
    this.#tables = tables;
    this.#traps = traps;
  }

  restart(): void {
    this.#tables.startedAt = this.#tables.now();
  }

  isAwayFor(process: VirtualProcess): boolean {
    return this.awayCount > 0 || (this.cutOff.get(process) ?? 0) > 0;
  }

  /** When it last did not answer this process, epoch ms. */
  lastAwayFor(process: VirtualProcess): number {
    return this.#lastAway.get(process) ?? Number.NEGATIVE_INFINITY;
  }

  /** The store as one process sees it. Calls of a process that is dead or stopped do not happen, or later. */
  as(process: VirtualProcess): RefreshStore {
    const through =
      <Rest extends unknown[], Answer>(operation: (...rest: Rest) => Promise<Answer>) =>
      (...rest: Rest): Promise<Answer> =>
        process.isRunning && !this.isAwayFor(process) ? operation(...rest) : late(operation, rest);
    const late = async <Rest extends unknown[], Answer>(
      operation: (...rest: Rest) => Promise<Answer>,
      rest: Rest,
    ): Promise<Answer> => {
      if (!process.isRunning) await process.pause();
      if (this.isAwayFor(process)) throw this.#away(process, "The database does not answer.");
      return operation(...rest);
    };
    const store = this.#store;
    return {
      claim: through(store.claim),
      renewLeases: through(store.renewLeases),
      isLeaseAlive: through(store.isLeaseAlive),
      settle: through(async (...rest) => {
        const results = await store.settle(...rest);
        if (this.unheardCount > 0) throw this.#away(process, "The connection broke after the commit.");
        if (this.#traps.spring("settled", process)) await process.pause();
        return results;
      }),
      nextCandidate: through(store.nextCandidate),
      refuseCandidate: through(store.refuseCandidate),
      readAppSchedules: through(store.readAppSchedules),
      saveCursor: through(store.saveCursor),
      readDue: through(store.readDue),
      readAnswers: through(store.readAnswers),
      readVouching: through(store.readVouching),
      openBreaker: through(store.openBreaker),
      closeBreaker: through(store.closeBreaker),
      endProbe: through(store.endProbe),
      takeProbe: through(store.takeProbe),
    };
  }

  #away(process: VirtualProcess, text: string): DatabaseAway {
    this.#lastAway.set(process, this.#tables.now());
    return new DatabaseAway(text);
  }
}
