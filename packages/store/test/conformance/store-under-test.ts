import type { BreakerReason, BreakerState, ConnectionState, RefreshMode } from "@evergrant/core";
import type * as store from "../../src/index.ts";

/** A function of the store without its first parameter, which says which store. */
type On<Operation> = Operation extends (store: never, ...rest: infer Rest) => infer Answer
  ? (...rest: Rest) => Answer
  : never;

/** What a refresh needs of a store: the contract that every store keeps. */
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

/** A store with everything that a test needs around it. Times are epoch milliseconds of the store's own clock. */
export interface StoreUnderTest {
  readonly store: RefreshStore;
  /** The store's clock. It stands still until time is let pass. */
  now(): number;
  pass(ms: number): Promise<void>;
  /** The database goes down and comes up again: what is stored stays. */
  restart(): Promise<void>;
  addApp(id: string): Promise<void>;
  setBreaker(appId: string, breaker: BreakerView): Promise<void>;
  /** A connection of generation 1 whose token is `token-of-<id>-1`. */
  connect(id: string, row?: Partial<ConnectionToAdd>): Promise<void>;
  /** Its customer consents anew: another grant, the next generation, due now. */
  reconnect(id: string, token: string): Promise<void>;
  /** Somebody puts the token set of its generation 1 back from a backup, with everything else left as it is. */
  restoreBackup(id: string, storedAt: number): Promise<void>;
  connection(id: string): Promise<ConnectionView>;
  app(id: string): Promise<BreakerView>;
  /** Kinds of all journal entries so far, oldest first, as `<connection or app> <kind>`. */
  journal(): Promise<string[]>;
  /** All that the user's product is told, oldest first, as `<connection or app> <kind>`. */
  outbox(): Promise<string[]>;
  /** Refreshes counted, by `<app> <outcome>`. */
  tally(): Promise<Record<string, number>>;
  close(): Promise<void>;
}

export interface ConnectionToAdd {
  readonly appId: string;
  /** From now; negative is overdue. */
  readonly dueInMs: number;
  readonly mode: RefreshMode;
}

export interface BreakerView {
  readonly state: BreakerState;
  readonly reason?: BreakerReason | null;
  readonly probeId?: string | null;
  readonly probeAt?: number | null;
  readonly acceptedAt?: number | null;
}

export interface ConnectionView {
  readonly state: ConnectionState;
  readonly stateReason: string | null;
  readonly mode: RefreshMode;
  readonly dueAt: number | null;
  readonly accessTokenExpiresAt: number | null;
  readonly grantExpiresAt: number | null;
  readonly grantHardExpiresAt: number | null;
  readonly strikes: number;
  readonly firstStrikeAt: number | null;
  readonly failures: number;
  readonly unknownSince: number | null;
  readonly lastOutcome: string | null;
  readonly lastAttemptAt: number | null;
  readonly lastRefreshedAt: number | null;
  readonly generation: number;
  readonly token: string;
  readonly hasAccessToken: boolean;
  readonly intent: {
    readonly generation: number;
    readonly holder: string;
    readonly claimedAt: number;
    readonly leaseExpiresAt: number;
    readonly firstClaimedAt: number;
  } | null;
  /** Newest first. */
  readonly candidates: readonly {
    readonly generation: number;
    readonly token: string;
    readonly presentedAt: number | null;
  }[];
}
