import type { BreakerReason, BreakerState, ConnectionState, RefreshMode } from "@evergrant/core";
import type { DuePosition } from "@evergrant/store";
import { DueIndex, type DueRow } from "./due-index.ts";

/** What the in-memory store holds: the rows of the real one, and its clock. Times are epoch milliseconds. */
export interface Tables {
  readonly now: () => number;
  /** When the database last came up. */
  startedAt: number;
  readonly apps: Map<string, AppRow>;
  readonly connections: Map<string, ConnectionRow>;
  readonly candidates: Map<bigint, CandidateRow>;
  nextIntentNo: number;
  nextCandidateId: bigint;
  readonly onJournal: (entry: JournalRow) => void;
  readonly onOutbox: (message: OutboxRow) => void;
}

export interface AppRow {
  readonly id: string;
  breakerState: BreakerState;
  breakerReason: BreakerReason | null;
  breakerChangedAt: number | null;
  breakerProbeAt: number | null;
  breakerProbeId: string | null;
  breakerAcceptedAt: number | null;
  cursor: DuePosition | null;
  sweptAt: number | null;
  readonly due: DueIndex<ConnectionRow>;
  readonly connections: ConnectionRow[];
  /** Those with a strike. */
  readonly struck: Set<ConnectionRow>;
  /** The last success of each, oldest first, among some that are superseded. */
  refreshed: { readonly row: ConnectionRow; readonly at: number; readonly no: number }[];
  /** All refreshes by outcome. */
  readonly totals: Map<string, number>;
}

export interface ConnectionRow extends DueRow {
  readonly id: string;
  readonly app: AppRow;
  readonly createdAt: number;
  mode: RefreshMode;
  state: ConnectionState;
  stateReason: string | null;
  stateChangedAt: number;
  accessTokenExpiresAt: number | null;
  grantExpiresAt: number | null;
  grantHardExpiresAt: number | null;
  strikes: number;
  firstStrikeAt: number | null;
  failures: number;
  unknownSince: number | null;
  lastOutcome: string | null;
  lastAttemptAt: number | null;
  lastRefreshedAt: number | null;
  /** Counts the successes, so that the last one is known among others of the same moment. */
  lastRefreshNo: number;
  generation: number;
  tokensStoredAt: number;
  refreshToken: Uint8Array;
  accessToken: Uint8Array | null;
  fingerprint: Uint8Array;
  /** The fingerprints that were current before, oldest first. */
  readonly replaced: Uint8Array[];
  secretId: bigint | null;
  intent: IntentRow | null;
  /** Oldest first. */
  candidates: readonly CandidateRow[];
}

export interface IntentRow {
  readonly intentId: string;
  readonly generation: number;
  readonly holder: string;
  readonly claimedAt: number;
  readonly firstClaimedAt: number;
  leaseExpiresAt: number;
}

export interface CandidateRow {
  readonly id: bigint;
  readonly connection: ConnectionRow;
  /** The generation whose token was presented to obtain this set. */
  readonly generation: number;
  readonly refreshToken: Uint8Array;
  readonly fingerprint: Uint8Array;
  presentedAt: number | null;
  refusedAt: number | null;
}

export interface JournalRow {
  readonly appId: string;
  readonly connectionId: string | null;
  readonly kind: string;
  readonly detail: object;
}

export interface OutboxRow {
  readonly kind: string;
  readonly appId: string;
  readonly connectionId: string | null;
}

export function createTables(options: Pick<Tables, "now"> & Partial<Pick<Tables, "onJournal" | "onOutbox">>): Tables {
  return {
    now: options.now,
    startedAt: Number.NEGATIVE_INFINITY,
    apps: new Map(),
    connections: new Map(),
    candidates: new Map(),
    nextIntentNo: 1,
    nextCandidateId: 1n,
    onJournal: options.onJournal ?? (() => {}),
    onOutbox: options.onOutbox ?? (() => {}),
  };
}

export function addApp(tables: Tables, id: string, onDue: (dueAt: number) => void = () => {}): AppRow {
  const app: AppRow = {
    id,
    breakerState: "closed",
    breakerReason: null,
    breakerChangedAt: null,
    breakerProbeAt: null,
    breakerProbeId: null,
    breakerAcceptedAt: null,
    cursor: null,
    sweptAt: null,
    due: new DueIndex(onDue),
    connections: [],
    struck: new Set(),
    refreshed: [],
    totals: new Map(),
  };
  tables.apps.set(id, app);
  return app;
}

export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

export function strike(row: ConnectionRow, firstStrikeAt: number | null): void {
  row.firstStrikeAt = firstStrikeAt;
  if (firstStrikeAt === null) row.app.struck.delete(row);
  else row.app.struck.add(row);
}
