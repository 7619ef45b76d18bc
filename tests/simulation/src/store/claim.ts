import type { claim as claimInDatabase } from "@evergrant/store";
import type { ConnectionRow, IntentRow, Tables } from "./tables.ts";

type Claim = Awaited<ReturnType<typeof claimInDatabase>>[number];
type Options = Parameters<typeof claimInDatabase>[2];

/** As `claim` of the real store. */
export function claim(tables: Tables, connectionIds: readonly string[], options: Options): Claim[] {
  const now = tables.now();
  const claims: Claim[] = [];
  for (const id of connectionIds.length === 1 ? connectionIds : new Set(connectionIds)) {
    const row = tables.connections.get(id);
    if (row === undefined || !isEligible(row, now)) continue;
    const intent = takeIntent(tables, row, now, options);
    if (intent !== null) claims.push(toClaim(row, intent, row.dueAt ?? now));
  }
  return claims;
}

function isEligible({ state, dueAt, app, id }: ConnectionRow, now: number): boolean {
  if (state !== "active" || dueAt === null || dueAt > now) return false;
  return app.breakerState === "closed" || (app.breakerState === "half_open" && app.breakerProbeId === id);
}

function takeIntent(tables: Tables, row: ConnectionRow, now: number, options: Options): IntentRow | null {
  const { holder, leaseMs, mayTakeOver = true } = options;
  const before = row.intent;
  if (before !== null && !(mayTakeOver && isForsaken(before, tables.startedAt, now, leaseMs))) return null;
  row.intent = {
    intentId: intentId(tables.nextIntentNo),
    generation: row.generation,
    holder,
    claimedAt: now,
    firstClaimedAt: before?.firstClaimedAt ?? now,
    leaseExpiresAt: now + leaseMs,
  };
  tables.nextIntentNo += 1;
  return row.intent;
}

/** While the database was away no lease could be renewed: its holder gets the time of one to come back. */
function isForsaken(intent: IntentRow, startedAt: number, now: number, leaseMs: number): boolean {
  return intent.leaseExpiresAt < now && (intent.claimedAt > startedAt || startedAt < now - leaseMs);
}

function intentId(no: number): string {
  return `00000000-0000-4000-8000-${no.toString(16).padStart(12, "0")}`;
}

function toClaim(row: ConnectionRow, intent: IntentRow, dueAt: number): Claim {
  const unsettledSince = intent.firstClaimedAt < intent.claimedAt ? intent.firstClaimedAt : null;
  return {
    intentId: intent.intentId,
    appId: row.app.id,
    generation: row.generation,
    refreshToken: row.refreshToken,
    dueAt,
    claimedAt: intent.claimedAt,
    unsettledSince,
    isProbe: row.app.breakerState !== "closed",
    isSpent: row.candidates.some(({ generation }) => generation >= row.generation),
    connection: {
      id: row.id,
      mode: row.mode,
      accessTokenExpiresAt: row.accessTokenExpiresAt,
      grantExpiresAt: row.grantExpiresAt,
      grantHardExpiresAt: row.grantHardExpiresAt,
      strikes: row.strikes,
      firstStrikeAt: row.firstStrikeAt,
      failures: row.failures,
      unknownSince: row.unknownSince ?? unsettledSince,
    },
  };
}
