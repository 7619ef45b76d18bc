import type { Decision, OutcomeKind } from "@evergrant/core";
import type { Store } from "../client.ts";
import { toBase64 } from "../client-parameters.ts";
import { Prisma } from "../generated/client.ts";

/** The end of one refresh, ready to be written. */
export interface Settlement {
  readonly connectionId: string;
  readonly appId: string;
  readonly intentId: string;
  /** Generation whose refresh token was presented. */
  readonly generation: number;
  readonly outcome: OutcomeKind;
  readonly decision: Decision;
  /** Sealed for `generation + 1`; null when no token set was received. */
  readonly tokens: SealedTokens | null;
  readonly durationMs: number;
  readonly latenessMs: number;
}

export interface SealedTokens {
  readonly refreshToken: Uint8Array;
  readonly accessToken: Uint8Array | null;
  /** Keyed fingerprint of the refresh token. */
  readonly fingerprint: Uint8Array;
  /** The client secret that obtained the set; null for a public client. */
  readonly secretId: bigint | null;
}

/** How many of the fingerprints that were current before are remembered, and how many bytes of each. */
const PAST_TOKENS = 64;
const PAST_BYTES = 8;

/** The fingerprints of a token set's past, with that of row `t` before the others. */
export const WITH_PAST = Prisma.raw(
  `substring(substring(t.fingerprint FOR ${PAST_BYTES}) || coalesce(t.replaced, '') FOR ${PAST_BYTES * PAST_TOKENS})`,
);

/**
 * `settled`: written. `held`: written, except that the grant was not ended, because the app's breaker is not
 * closed, or has closed since the first strike and voided it, or because a candidate has come that was not tried.
 * `repeated`: an earlier try of this very settlement had been written, or its token was current and is spent.
 * `stale`: another refresh or a reconnect came first; a failure was dropped, a refresh token that may be the living
 * one was kept as a candidate. `missing`: the connection or its token set is not there.
 */
export type SettleResult = "settled" | "held" | "repeated" | "stale" | "missing";

/**
 * Ends refreshes, many at once, in one transaction: tokens, schedule, journal, tally, outbox and the
 * end of the intent. Several of one connection, as an escrow may hold, are written one after the other.
 *
 * Compare-and-set on the generation, and for a failure on the intent as well: a stale holder's write changes
 * nothing (invariants 2 and 3). A rotation whose intent was taken over meanwhile still counts while the
 * generation is the one it presented: it holds the only token that works, and whoever took over presented a
 * spent one. If that other's refusals have even ended the grant by then, it is revived: the customer need not
 * do anything. A candidate that comes after the end revives it too, to be presented before the end is believed.
 * A success that brought no new refresh token does not count then: whoever took over presents a living token,
 * and may be the one who rotates it.
 *
 * Safe to try again after any error, also when the commit's answer was lost.
 *
 * @param process unique name of the writing process, so that tallies of two never wait for each other
 * @returns one result per settlement, in order
 * @throws the driver's error; then either all of it is written or nothing, or of several of one connection the first
 */
export async function settle(
  { prisma }: Pick<Store, "prisma">,
  settlements: readonly Settlement[],
  process: string,
): Promise<SettleResult[]> {
  const results = new Map<Settlement, SettleResult>();
  for (const round of oneOfEachConnection(settlements)) {
    const [answer] = await prisma.$queryRaw<{ results: string | null }[]>(settleStatement(round, process));
    const answers: Record<string, SettleResult> = JSON.parse(answer?.results ?? "{}");
    for (const settlement of round) results.set(settlement, answers[settlement.intentId] ?? "missing");
  }
  return settlements.map((settlement) => results.get(settlement) ?? "missing");
}

/** One statement sees a row as it was before: of two token sets for it, each would take the other's place unseen. */
function oneOfEachConnection(settlements: readonly Settlement[]): Settlement[][] {
  const rounds: Settlement[][] = [];
  const seen = new Map<string, number>();
  for (const settlement of settlements) {
    const number = seen.get(settlement.connectionId) ?? 0;
    seen.set(settlement.connectionId, number + 1);
    const round = rounds[number];
    if (round === undefined) rounds.push([settlement]);
    else round.push(settlement);
  }
  return rounds;
}

/**
 * Locks connection and token set in the order of ids, as every writer does, before anything else is
 * touched; the intent is removed only under that lock.
 */
function settleStatement(settlements: readonly Settlement[], process: string): Prisma.Sql {
  return Prisma.sql`/* prepared: settle */
    WITH input AS (${inputRows(settlements)}), locked AS (
      SELECT c.id, c.state, c.first_strike_at, t.generation, t.fingerprint, t.replaced,
             a.breaker_state <> 'closed' AS in_doubt,
             CASE WHEN a.breaker_state = 'closed' THEN a.breaker_changed_at END AS breaker_closed_at
      FROM connection c JOIN token_set t ON t.connection_id = c.id JOIN oauth_app a ON a.id = c.app_id
      WHERE c.id = ANY(${settlements.map((item) => item.connectionId)}::text[])
      ORDER BY c.id
      FOR NO KEY UPDATE OF c, t
    ), closed AS (
      DELETE FROM refresh_intent i USING input s JOIN locked l ON l.id = s.connection_id
      WHERE i.connection_id = s.connection_id AND i.intent_id = s.intent_id
      RETURNING i.intent_id, i.claimed_at
    ), judged AS (
      SELECT s.*, l.state AS state_before, l.in_doubt,
        (l.first_strike_at IS NULL AND s.first_strike_at < greatest(x.claimed_at, l.breaker_closed_at)) IS TRUE
          AS voided, is_new, s.outcome = 'renewed' AND l.generation > s.generation AS is_spent,
        clock_timestamp() AS settled_at, CASE
          WHEN l.generation = s.generation AND (x.intent_id IS NOT NULL OR s.outcome = 'rotated' AND is_new) THEN 'settled'
          WHEN l.generation > s.generation AND (NOT is_new OR s.outcome = 'rotated' AND was_current) THEN 'repeated'
          ELSE 'stale' END AS result
      FROM input s JOIN locked l ON l.id = s.connection_id LEFT JOIN closed x ON x.intent_id = s.intent_id,
           LATERAL (
             SELECT s.fingerprint <> l.fingerprint AS is_new,
                    position(substring(s.fingerprint FOR ${PAST_BYTES}) IN l.replaced) > 0 AS was_current
           ) token
    ), won AS (
      SELECT *, state = 'needs_reauth' AND (in_doubt OR voided OR EXISTS (
        SELECT FROM token_candidate k WHERE k.connection_id = judged.connection_id AND k.refused_at IS NULL
      )) AS held
      FROM judged WHERE result = 'settled'
    ), tokens AS (
      UPDATE token_set t
      SET generation = t.generation + 1, refresh_token = w.refresh_token, access_token = w.access_token,
          replaced = CASE WHEN t.fingerprint <> w.fingerprint THEN ${WITH_PAST} ELSE t.replaced END,
          fingerprint = w.fingerprint, secret_id = w.secret_id, stored_at = w.settled_at
      FROM won w WHERE t.connection_id = w.connection_id AND w.refresh_token IS NOT NULL
    ), schedule AS (
      UPDATE connection c
      SET state = CASE WHEN w.held THEN c.state ELSE w.state END,
          state_reason = CASE WHEN w.state <> c.state AND NOT w.held THEN w.cause ELSE c.state_reason END,
          state_changed_at = CASE WHEN w.state <> c.state AND NOT w.held THEN now() ELSE c.state_changed_at END,
          due_at = CASE WHEN w.held THEN date_trunc('milliseconds', now()) ELSE w.due_at END,
          access_token_expires_at = w.access_token_expires_at,
          grant_expires_at = w.grant_expires_at, grant_hard_expires_at = w.grant_hard_expires_at,
          strikes = CASE WHEN w.voided THEN 0 WHEN w.held THEN c.strikes ELSE w.strikes END,
          first_strike_at = CASE WHEN w.voided THEN NULL ELSE w.first_strike_at END, failures = w.failures,
          unknown_since = w.unknown_since, last_outcome = w.outcome, last_attempt_at = w.settled_at,
          last_refreshed_at = CASE WHEN w.refresh_token IS NULL THEN c.last_refreshed_at ELSE w.settled_at END
      FROM won w WHERE c.id = w.connection_id
    ), candidate AS (
      INSERT INTO token_candidate (connection_id, generation, refresh_token, access_token, fingerprint, access_token_expires_at)
      SELECT connection_id, generation, refresh_token, access_token, fingerprint, access_token_expires_at
      FROM judged WHERE result = 'stale' AND is_new AND NOT is_spent
      ON CONFLICT (connection_id, fingerprint) DO NOTHING
      RETURNING connection_id, generation
    ), awoken AS (
      UPDATE connection c
      SET state = 'active', state_reason = NULL, state_changed_at = now(), strikes = 0, first_strike_at = NULL,
          due_at = CASE WHEN c.mode <> 'off' THEN date_trunc('milliseconds', now()) END
      FROM candidate k JOIN locked l ON l.id = k.connection_id
      WHERE c.id = l.id AND l.state = 'needs_reauth'
      RETURNING c.app_id, c.id, k.generation
    ), superseded AS (
      DELETE FROM token_candidate k USING won w
      WHERE k.connection_id = w.connection_id AND w.refresh_token IS NOT NULL
    ), journal AS (
      INSERT INTO refresh_event (app_id, connection_id, kind, generation, detail)
      SELECT w.app_id, w.connection_id, e->>'kind', w.generation, e - 'kind'
      FROM won w, jsonb_array_elements(w.events) e
      WHERE NOT w.held OR e->>'kind' <> 'needs_reauth'
      UNION ALL
      SELECT app_id, connection_id, CASE WHEN held THEN 'ending_held' ELSE 'revived' END, generation, '{}'::jsonb
      FROM won WHERE held OR state = 'active' AND state_before = 'needs_reauth'
      UNION ALL
      SELECT j.app_id, j.connection_id, 'candidate_kept', j.generation, '{}'::jsonb
      FROM judged j JOIN candidate k ON k.connection_id = j.connection_id AND k.generation = j.generation
      UNION ALL
      SELECT app_id, id, 'revived', generation, '{}'::jsonb FROM awoken
    ), tally AS (
      INSERT INTO refresh_tally AS t (bucket_at, app_id, outcome, cause, process, refreshes,
                                      duration_ms_sum, lateness_ms_sum, lateness_ms_max)
      SELECT date_trunc('minute', now()), app_id, outcome, coalesce(cause, ''), ${process}, count(*),
             sum(duration_ms), sum(lateness_ms), max(lateness_ms)
      FROM won GROUP BY app_id, outcome, coalesce(cause, '')
      ON CONFLICT (bucket_at, app_id, outcome, cause, process) DO UPDATE
        SET refreshes = t.refreshes + excluded.refreshes,
            duration_ms_sum = t.duration_ms_sum + excluded.duration_ms_sum,
            lateness_ms_sum = t.lateness_ms_sum + excluded.lateness_ms_sum,
            lateness_ms_max = greatest(t.lateness_ms_max, excluded.lateness_ms_max)
    ), told AS (
      INSERT INTO outbox (kind, connection_id, payload)
      SELECT 'connection.' || state, connection_id, jsonb_build_object('app', app_id, 'cause', cause)
      FROM won WHERE state <> state_before AND NOT held
      UNION ALL
      SELECT 'connection.active', id, jsonb_build_object('app', app_id, 'cause', NULL) FROM awoken
    )
    SELECT json_object_agg(intent_id, CASE WHEN held THEN 'held' ELSE result END)::text AS results
    FROM judged LEFT JOIN (SELECT intent_id, held FROM won) w USING (intent_id)`;
}

/**
 * All rows travel as one JSON text: Prisma takes each element of a list parameter through several
 * hands, which for twenty columns costs more than all else here. Ciphertexts go as base64 text.
 */
function inputRows(settlements: readonly Settlement[]): Prisma.Sql {
  return Prisma.sql`
    SELECT connection_id, app_id, intent_id, generation, outcome, cause, state, due_at, access_token_expires_at,
           grant_expires_at, grant_hard_expires_at, strikes, first_strike_at, failures, unknown_since,
           decode(refresh_token, 'base64') AS refresh_token, decode(access_token, 'base64') AS access_token,
           decode(fingerprint, 'base64') AS fingerprint, secret_id, duration_ms, lateness_ms, events
    FROM json_to_recordset(${JSON.stringify(settlements.map(toRow))}::json) AS s(
      connection_id text, app_id text, intent_id uuid, generation int, outcome text, cause text, state connection_state,
      due_at timestamptz, access_token_expires_at timestamptz, grant_expires_at timestamptz,
      grant_hard_expires_at timestamptz, strikes int, first_strike_at timestamptz, failures int,
      unknown_since timestamptz, refresh_token text, access_token text, fingerprint text, secret_id bigint,
      duration_ms int, lateness_ms int, events jsonb)`;
}

function toRow({ decision, tokens, ...settlement }: Settlement) {
  return {
    connection_id: settlement.connectionId,
    app_id: settlement.appId,
    intent_id: settlement.intentId,
    generation: settlement.generation,
    outcome: settlement.outcome,
    cause: decision.cause,
    state: decision.state,
    due_at: toDate(decision.dueAt),
    access_token_expires_at: toDate(decision.accessTokenExpiresAt),
    grant_expires_at: toDate(decision.grantExpiresAt),
    grant_hard_expires_at: toDate(decision.grantHardExpiresAt),
    strikes: decision.strikes,
    first_strike_at: toDate(decision.firstStrikeAt),
    failures: decision.failures,
    unknown_since: toDate(decision.unknownSince),
    refresh_token: toBase64(tokens?.refreshToken ?? null),
    access_token: toBase64(tokens?.accessToken ?? null),
    fingerprint: toBase64(tokens?.fingerprint ?? null),
    secret_id: tokens?.secretId?.toString() ?? null,
    duration_ms: int4(settlement.durationMs),
    lateness_ms: int4(settlement.latenessMs),
    events: decision.events,
  };
}

/** The tally's columns end at 24.8 days; a statistic must never cost a token. */
function int4(ms: number): number {
  return Math.min(2_147_483_647, Math.max(0, Math.round(ms)));
}

function toDate(epochMs: number | null): Date | null {
  return epochMs === null ? null : new Date(epochMs);
}
