import type { ConnectionSchedule, RefreshMode } from "@evergrant/core";
import type { Store } from "../client.ts";
import { Prisma } from "../generated/client.ts";

/** A connection that this process alone may refresh until its lease ends. Times are epoch ms of the database's clock. */
export interface Claim {
  readonly intentId: string;
  readonly appId: string;
  readonly generation: number;
  /** Ciphertext of the refresh token to present, bound to connection and generation. */
  readonly refreshToken: Uint8Array;
  readonly connection: ConnectionSchedule;
  readonly dueAt: number;
  readonly claimedAt: number;
  /** When the first of the unsettled claims before this one was made; null when there was none. */
  readonly unsettledSince: number | null;
  /** Whether this is the one try that the app's open breaker allows. */
  readonly isProbe: boolean;
  /**
   * Whether the refresh token is known to be spent: a candidate came of presenting it, or of one after it. That
   * happens where the token table was restored from a backup during a refresh.
   */
  readonly isSpent: boolean;
}

/**
 * Claims connections for refresh, many at once: writes an intent for each that is active, due, its
 * app's breaker closed (or the connection its probe) and without a living lease. An id that does not come back is busy or no
 * longer eligible.
 *
 * Rows are locked in the order of their ids, connection and token set together, so that what comes
 * back is the latest generation even when another settle committed after this statement began. Rows
 * that someone else holds are passed over: whoever holds them is about to change them.
 *
 * While the database was away no lease could be renewed and no answer settled. So a lease from before
 * its restart counts as alive until the holder has had the time of a lease to come back with its answer;
 * taken over at once, the spent token would be presented again.
 *
 * After a crash of the holder the intent stays until its lease ends; the next claim then takes it
 * over and reports `unsettledSince`.
 *
 * @param holder name of this process, for people
 * @param mayTakeOver false while this process has just seen the database in trouble: then others may
 *   have been cut off from it too, and need the time of a lease to come back with their answers
 * @throws the driver's error when the database is away; then no claim is known to have been made,
 *   and one made unseen ends with its lease
 */
export async function claim(
  { prisma }: Pick<Store, "prisma">,
  connectionIds: readonly string[],
  options: { readonly holder: string; readonly leaseMs: number; readonly mayTakeOver?: boolean },
): Promise<Claim[]> {
  const statement = claimStatement(connectionIds, { mayTakeOver: true, ...options });
  const [answer] = await prisma.$queryRaw<{ rows: string | null }[]>(statement);
  const rows: readonly ClaimRow[] = JSON.parse(answer?.rows ?? "[]");
  return rows.map(toClaim);
}

function claimStatement(
  connectionIds: readonly string[],
  {
    holder,
    leaseMs,
    mayTakeOver,
  }: { readonly holder: string; readonly leaseMs: number; readonly mayTakeOver: boolean },
): Prisma.Sql {
  return Prisma.sql`/* prepared: claim */
    WITH eligible AS (
      SELECT c.id, c.app_id, c.mode, c.due_at, c.access_token_expires_at, c.grant_expires_at,
             c.grant_hard_expires_at, c.strikes, c.first_strike_at, c.failures, c.unknown_since,
             t.generation, t.fingerprint, t.refresh_token, a.breaker_state <> 'closed' AS is_probe
      FROM connection c
      JOIN token_set t ON t.connection_id = c.id
      JOIN oauth_app a ON a.id = c.app_id
      WHERE c.id = ANY(${connectionIds as string[]}::text[])
        AND c.state = 'active' AND c.due_at <= clock_timestamp()
        AND (a.breaker_state = 'closed' OR a.breaker_state = 'half_open' AND a.breaker_probe_id = c.id)
      ORDER BY c.id
      FOR NO KEY UPDATE OF c, t SKIP LOCKED
    ), intent AS (
      INSERT INTO refresh_intent AS i (connection_id, intent_id, app_id, generation, fingerprint, holder,
                                       claimed_at, lease_expires_at, first_claimed_at)
      SELECT e.id, gen_random_uuid(), e.app_id, e.generation, e.fingerprint, ${holder},
             now(), clock_timestamp() + ${leaseMs}::int * interval '1 millisecond', now()
      FROM eligible e
      ON CONFLICT (connection_id) DO UPDATE
        SET intent_id = excluded.intent_id, generation = excluded.generation, fingerprint = excluded.fingerprint,
            holder = excluded.holder, claimed_at = excluded.claimed_at, lease_expires_at = excluded.lease_expires_at
        WHERE i.lease_expires_at < clock_timestamp() AND ${mayTakeOver}::boolean
          AND (i.claimed_at > pg_postmaster_start_time()
               OR pg_postmaster_start_time() < clock_timestamp() - ${leaseMs}::int * interval '1 millisecond')
      RETURNING connection_id, intent_id, claimed_at, first_claimed_at
    )
    SELECT json_agg(json_build_object(
        'id', e.id, 'appId', e.app_id, 'mode', e.mode, 'generation', e.generation,
        'refreshToken', encode(e.refresh_token, 'base64'), 'strikes', e.strikes, 'failures', e.failures,
        'dueAt', ${epochMs("e.due_at")}, 'accessTokenExpiresAt', ${epochMs("e.access_token_expires_at")},
        'grantExpiresAt', ${epochMs("e.grant_expires_at")}, 'grantHardExpiresAt', ${epochMs("e.grant_hard_expires_at")},
        'firstStrikeAt', ${epochMs("e.first_strike_at")}, 'unknownSince', ${epochMs("e.unknown_since")},
        'isProbe', e.is_probe,
        'isSpent', EXISTS (SELECT FROM token_candidate k WHERE k.connection_id = e.id AND k.generation >= e.generation),
        'intentId', i.intent_id, 'claimedAt', ${epochMs("i.claimed_at")},
        'firstClaimedAt', ${epochMs("i.first_claimed_at")}))::text AS rows
    FROM intent i JOIN eligible e ON e.id = i.connection_id`;
}

/** Columns hold whole milliseconds. */
function epochMs(column: string): Prisma.Sql {
  return Prisma.raw(`(extract(epoch FROM ${column}) * 1000)::bigint`);
}

/** All rows come as one JSON text, which costs Prisma a fifth of what single values do. Times are epoch ms. */
interface ClaimRow {
  readonly id: string;
  readonly appId: string;
  readonly mode: RefreshMode;
  readonly generation: number;
  /** Base64. */
  readonly refreshToken: string;
  readonly strikes: number;
  readonly failures: number;
  readonly dueAt: number;
  readonly accessTokenExpiresAt: number | null;
  readonly grantExpiresAt: number | null;
  readonly grantHardExpiresAt: number | null;
  readonly firstStrikeAt: number | null;
  readonly unknownSince: number | null;
  readonly intentId: string;
  readonly claimedAt: number;
  readonly firstClaimedAt: number;
  readonly isProbe: boolean;
  readonly isSpent: boolean;
}

function toClaim({ id, intentId, appId, generation, dueAt, claimedAt, ...row }: ClaimRow): Claim {
  const unsettledSince = row.firstClaimedAt < claimedAt ? row.firstClaimedAt : null;
  return {
    intentId,
    appId,
    generation,
    refreshToken: Buffer.from(row.refreshToken, "base64"),
    dueAt,
    claimedAt,
    unsettledSince,
    isProbe: row.isProbe,
    isSpent: row.isSpent,
    connection: {
      id,
      mode: row.mode,
      accessTokenExpiresAt: row.accessTokenExpiresAt,
      grantExpiresAt: row.grantExpiresAt,
      grantHardExpiresAt: row.grantHardExpiresAt,
      strikes: row.strikes,
      firstStrikeAt: row.firstStrikeAt,
      failures: row.failures,
      // A claim that was never settled may have reached the provider.
      unknownSince: row.unknownSince ?? unsettledSince,
    },
  };
}
