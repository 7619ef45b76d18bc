import type { Settlement, SettleResult } from "@evergrant/store";
import { notePast, wasCurrent } from "./past.ts";
import { type ConnectionRow, sameBytes, strike, type Tables } from "./tables.ts";

const SUPERSEDED_AT_ONCE = 1_000;

/** As `settle` of the real store. */
export function settle(tables: Tables, settlements: readonly Settlement[]): SettleResult[] {
  return settlements.map((settlement) => {
    const row = tables.connections.get(settlement.connectionId);
    return row === undefined ? "missing" : settleOne(tables, row, settlement);
  });
}

function settleOne(tables: Tables, row: ConnectionRow, settlement: Settlement): SettleResult {
  const { generation, tokens, decision, outcome } = settlement;
  const intent = row.intent?.intentId === settlement.intentId ? row.intent : null;
  if (intent !== null) row.intent = null;
  const isNew = tokens !== null && !sameBytes(row.fingerprint, tokens.fingerprint);
  if (row.generation === generation && (intent !== null || (isNew && outcome === "rotated"))) {
    const isVoided = isVoidedSince(row, decision, intent?.claimedAt ?? null);
    const isUntried = row.candidates.some(({ refusedAt }) => refusedAt === null);
    const isHeld = decision.state === "needs_reauth" && (row.app.breakerState !== "closed" || isVoided || isUntried);
    write(tables, row, settlement, { isHeld, isVoided });
    return isHeld ? "held" : "settled";
  }
  const wasOurs = tokens !== null && (!isNew || (outcome === "rotated" && wasCurrent(row, tokens.fingerprint)));
  if (row.generation > generation && wasOurs) return "repeated";
  const isSpent = outcome === "renewed" && row.generation > generation;
  if (isNew && !isSpent) keepCandidate(tables, row, settlement);
  return "stale";
}

/** Whether a breaker has closed since the first strike and voided it. */
function isVoidedSince(
  { firstStrikeAt, app }: ConnectionRow,
  decision: Settlement["decision"],
  claimedAt: number | null,
): boolean {
  if (firstStrikeAt !== null || decision.firstStrikeAt === null) return false;
  const closedAt = app.breakerState === "closed" ? app.breakerChangedAt : null;
  return decision.firstStrikeAt < Math.max(claimedAt ?? 0, closedAt ?? 0);
}

interface Doubt {
  readonly isHeld: boolean;
  readonly isVoided: boolean;
}

function write(tables: Tables, row: ConnectionRow, settlement: Settlement, { isHeld, isVoided }: Doubt): void {
  const { decision, tokens, appId, connectionId } = settlement;
  const now = tables.now();
  const before = row.state;
  const changes = decision.state !== before && !isHeld;
  if (changes) {
    row.state = decision.state;
    row.stateReason = decision.cause;
    row.stateChangedAt = now;
  }
  row.app.due.set(row, isHeld ? now : decision.dueAt);
  row.accessTokenExpiresAt = decision.accessTokenExpiresAt;
  row.grantExpiresAt = decision.grantExpiresAt;
  row.grantHardExpiresAt = decision.grantHardExpiresAt;
  if (!isHeld) row.strikes = decision.strikes;
  if (isVoided) row.strikes = 0;
  strike(row, isVoided ? null : decision.firstStrikeAt);
  row.failures = decision.failures;
  row.unknownSince = decision.unknownSince;
  row.lastOutcome = settlement.outcome;
  row.lastAttemptAt = now;
  if (tokens !== null) {
    noteRefreshed(row, now);
    row.generation += 1;
    row.tokensStoredAt = now;
    row.refreshToken = tokens.refreshToken;
    row.accessToken = tokens.accessToken;
    if (!sameBytes(row.fingerprint, tokens.fingerprint)) notePast(row);
    row.fingerprint = tokens.fingerprint;
    row.secretId = tokens.secretId;
    for (const { id } of row.candidates) tables.candidates.delete(id);
    if (row.candidates.length > 0) row.candidates = [];
  }
  for (const { kind, ...detail } of decision.events) {
    if (!isHeld || kind !== "needs_reauth") tables.onJournal({ appId, connectionId, kind, detail });
  }
  if (isHeld) tables.onJournal({ appId, connectionId, kind: "ending_held", detail: {} });
  else if (changes && row.state === "active") tables.onJournal({ appId, connectionId, kind: "revived", detail: {} });
  if (changes) tables.onOutbox({ kind: `connection.${row.state}`, appId, connectionId });
  row.app.totals.set(settlement.outcome, (row.app.totals.get(settlement.outcome) ?? 0) + 1);
}

function noteRefreshed(row: ConnectionRow, now: number): void {
  const { app } = row;
  row.lastRefreshedAt = now;
  row.lastRefreshNo += 1;
  app.refreshed.push({ row, at: now, no: row.lastRefreshNo });
  if (app.refreshed.length < 2 * app.connections.length + SUPERSEDED_AT_ONCE) return;
  app.refreshed = app.refreshed.filter(({ row: other, no }) => no === other.lastRefreshNo);
}

function keepCandidate(tables: Tables, row: ConnectionRow, { generation, tokens, appId }: Settlement): void {
  if (tokens === null || row.candidates.some((known) => sameBytes(known.fingerprint, tokens.fingerprint))) return;
  const { refreshToken, fingerprint } = tokens;
  const candidate = { id: tables.nextCandidateId, connection: row, generation, refreshToken, fingerprint };
  const kept = { ...candidate, presentedAt: null, refusedAt: null };
  tables.nextCandidateId += 1n;
  row.candidates = [...row.candidates, kept];
  tables.candidates.set(kept.id, kept);
  tables.onJournal({ appId, connectionId: row.id, kind: "candidate_kept", detail: {} });
  if (row.state === "needs_reauth") awaken(tables, row);
}

/** A candidate that comes after the end is presented before the end is believed. */
function awaken(tables: Tables, row: ConnectionRow): void {
  const subject = { appId: row.app.id, connectionId: row.id };
  const now = tables.now();
  row.state = "active";
  row.stateReason = null;
  row.stateChangedAt = now;
  row.strikes = 0;
  strike(row, null);
  row.app.due.set(row, row.mode === "off" ? null : now);
  tables.onJournal({ ...subject, kind: "revived", detail: {} });
  tables.onOutbox({ ...subject, kind: "connection.active" });
}
