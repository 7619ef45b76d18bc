import type * as store from "@evergrant/store";
import { closeBreaker, endProbe, openBreaker } from "./breaker.ts";
import { readAnswers, readVouching, takeProbe } from "./breaker-reads.ts";
import { nextCandidate, refuseCandidate } from "./candidates.ts";
import { claim } from "./claim.ts";
import { isLeaseAlive, renewLeases } from "./lease.ts";
import { readAppSchedules, readDue, saveCursor } from "./schedule.ts";
import { settle } from "./settle.ts";
import type { Tables } from "./tables.ts";

/** A function of the store without its first parameter, which says which store. */
type On<Operation> = Operation extends (store: never, ...rest: infer Rest) => infer Answer
  ? (...rest: Rest) => Answer
  : never;

/** What a refresh and the scheduler need of a store: the functions of the real one. */
export interface RefreshStore {
  readonly claim: On<typeof store.claim>;
  readonly renewLeases: On<typeof store.renewLeases>;
  readonly isLeaseAlive: On<typeof store.isLeaseAlive>;
  readonly settle: On<typeof store.settle>;
  readonly nextCandidate: On<typeof store.nextCandidate>;
  readonly refuseCandidate: On<typeof store.refuseCandidate>;
  readonly readAppSchedules: On<typeof store.readAppSchedules>;
  readonly saveCursor: On<typeof store.saveCursor>;
  readonly readDue: On<typeof store.readDue>;
  readonly readAnswers: On<typeof store.readAnswers>;
  readonly readVouching: On<typeof store.readVouching>;
  readonly openBreaker: On<typeof store.openBreaker>;
  readonly closeBreaker: On<typeof store.closeBreaker>;
  readonly endProbe: On<typeof store.endProbe>;
  readonly takeProbe: On<typeof store.takeProbe>;
}

/** The store in memory: each call is done when it returns, as a transaction is when it has committed. */
export function createMemoryStore(tables: Tables): RefreshStore {
  return {
    claim: async (...rest) => claim(tables, ...rest),
    renewLeases: async (...rest) => renewLeases(tables, ...rest),
    isLeaseAlive: async (...rest) => isLeaseAlive(tables, ...rest),
    settle: async (settlements) => settle(tables, settlements),
    nextCandidate: async (...rest) => nextCandidate(tables, ...rest),
    refuseCandidate: async (...rest) => refuseCandidate(tables, ...rest),
    readAppSchedules: async () => readAppSchedules(tables),
    saveCursor: async (...rest) => saveCursor(tables, ...rest),
    readDue: async (...rest) => readDue(tables, ...rest),
    readAnswers: async (...rest) => readAnswers(tables, ...rest),
    readVouching: async (...rest) => readVouching(tables, ...rest),
    openBreaker: async (...rest) => openBreaker(tables, ...rest),
    closeBreaker: async (...rest) => closeBreaker(tables, ...rest),
    endProbe: async (...rest) => endProbe(tables, ...rest),
    takeProbe: async (...rest) => takeProbe(tables, ...rest),
  };
}
