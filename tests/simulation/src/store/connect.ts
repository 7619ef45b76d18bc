import type { RefreshMode } from "@evergrant/core";
import { notePast } from "./past.ts";
import { type AppRow, type ConnectionRow, sameBytes, strike, type Tables } from "./tables.ts";

/** A sealed grant as it is stored. Times are epoch milliseconds. */
export interface StoredGrant {
  readonly refreshToken: Uint8Array;
  readonly accessToken: Uint8Array | null;
  readonly fingerprint: Uint8Array;
  readonly mode: RefreshMode;
  readonly dueAt: number | null;
  readonly accessTokenExpiresAt: number | null;
  readonly grantExpiresAt: number | null;
}

/** A connection that is not stored yet, with generation 1. */
export function connect(tables: Tables, app: AppRow, id: string, grant: StoredGrant): ConnectionRow {
  const row: ConnectionRow = {
    id,
    app,
    createdAt: tables.now(),
    mode: grant.mode,
    state: "active",
    stateReason: null,
    stateChangedAt: tables.now(),
    dueAt: null,
    dueEntry: null,
    accessTokenExpiresAt: grant.accessTokenExpiresAt,
    grantExpiresAt: grant.grantExpiresAt,
    grantHardExpiresAt: null,
    strikes: 0,
    firstStrikeAt: null,
    failures: 0,
    unknownSince: null,
    lastOutcome: null,
    lastAttemptAt: null,
    lastRefreshedAt: null,
    lastRefreshNo: 0,
    generation: 1,
    tokensStoredAt: tables.now(),
    refreshToken: grant.refreshToken,
    accessToken: grant.accessToken,
    fingerprint: grant.fingerprint,
    replaced: [],
    secretId: null,
    intent: null,
    candidates: [],
  };
  tables.connections.set(id, row);
  app.connections.push(row);
  app.due.set(row, grant.dueAt);
  return row;
}

/** As an import that replaces the grant of a known connection, dead or alive: it begins without a past. */
export function reconnect(tables: Tables, row: ConnectionRow, grant: StoredGrant): void {
  if (sameBytes(row.fingerprint, grant.fingerprint)) return;
  const before = row.state;
  if (before !== "active") {
    row.stateReason = "reconnected";
    row.stateChangedAt = tables.now();
  }
  row.state = "active";
  row.mode = grant.mode;
  row.accessTokenExpiresAt = grant.accessTokenExpiresAt;
  row.grantExpiresAt = grant.grantExpiresAt;
  row.grantHardExpiresAt = null;
  row.strikes = 0;
  strike(row, null);
  row.failures = 0;
  row.unknownSince = null;
  row.lastOutcome = null;
  row.lastAttemptAt = null;
  row.lastRefreshedAt = null;
  row.generation += 1;
  row.tokensStoredAt = tables.now();
  row.refreshToken = grant.refreshToken;
  row.accessToken = grant.accessToken;
  notePast(row);
  row.fingerprint = grant.fingerprint;
  row.secretId = null;
  row.intent = null;
  row.app.due.set(row, grant.dueAt);
  tables.onJournal({ appId: row.app.id, connectionId: row.id, kind: "reconnected", detail: { previousState: before } });
}
