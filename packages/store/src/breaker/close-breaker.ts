import type { BreakerReason, BreakerState, OutcomeKind } from "@evergrant/core";
import { reasonsDisproved } from "@evergrant/core";
import type { Store } from "../client.ts";
import { isTimeout } from "../client-errors.ts";
import { Prisma } from "../generated/client.ts";
import { IN_DOUBT } from "./in-doubt.ts";

/** Who closed a breaker: a probe's success, an operator, one who accepted the wave, or nothing was left to protect. */
export type ClosedBy = "probe" | "operator" | "accepted" | "nobody_left";

/** A breaker as it was found. */
export interface FoundBreaker {
  readonly state: BreakerState;
  readonly reason: string | null;
  /** Whether it is closed by this very call. */
  readonly closed: boolean;
  /** Connections that are tried again now because the app's fault had put them off. */
  readonly broughtForward: number;
}

/**
 * Closes an app's breaker. What the app's fault kept from being refreshed, or from being believed, becomes
 * due now. Refusals of a wave are forgotten, since they were about the app and not about their grants; unless they
 * are accepted, which is only possible for a wave: then a second refusal ends those grants. Of the connections that
 * are not refreshed after that more may have left: it takes `acceptedShare` of them for another wave.
 *
 * @param by `accepted` closes a breaker that is open for `rejections`, and no other
 * @returns null when there is no such app
 * @throws the driver's error when the database is away; trying again is safe
 */
export async function closeBreaker(
  { prisma }: Pick<Store, "prisma">,
  { appId, by }: { readonly appId: string; readonly by: Exclude<ClosedBy, "probe"> },
): Promise<FoundBreaker | null> {
  const condition = by === "accepted" ? Prisma.sql`a.breaker_reason = 'rejections'` : Prisma.sql`true`;
  return close({ prisma }, appId, by, condition);
}

/**
 * Reports what the provider answered to a probe: it closes the breaker, or leaves it open until the next
 * one. An answer to a question that was asked before the breaker opened changes nothing.
 *
 * @param claimedAt when the probe was claimed, epoch ms of the database's clock
 * @returns whether the breaker is closed by this very call
 * @throws the driver's error when the database is away; the next probe repairs what was not written
 */
export async function endProbe(
  { prisma }: Pick<Store, "prisma">,
  {
    appId,
    connectionId,
    outcome,
    claimedAt,
  }: {
    readonly appId: string;
    readonly connectionId: string;
    readonly outcome: OutcomeKind;
    readonly claimedAt: number;
  },
): Promise<boolean> {
  const disproved = reasonsDisproved(outcome);
  if (disproved.length > 0) {
    const condition = Prisma.sql`
      coalesce(a.breaker_reason, ${"misconfigured" satisfies BreakerReason}) = ANY(${[...disproved]}::text[])
      AND (a.breaker_changed_at IS NULL OR a.breaker_changed_at <= ${new Date(claimedAt)}::timestamptz)`;
    if ((await close({ prisma }, appId, "probe", condition))?.closed === true) return true;
  }
  await prisma.$executeRaw`
    UPDATE oauth_app SET breaker_state = 'open', breaker_probe_id = NULL
    WHERE id = ${appId} AND breaker_state = 'half_open' AND breaker_probe_id = ${connectionId}`;
  return false;
}

/** A row that somebody holds keeps no breaker open: it is passed over then, and comes due by itself. */
async function close(
  { prisma }: Pick<Store, "prisma">,
  appId: string,
  by: ClosedBy,
  condition: Prisma.Sql,
): Promise<FoundBreaker | null> {
  const ask = (locking: Prisma.Sql) => prisma.$queryRaw<FoundBreaker[]>(closeStatement(appId, by, condition, locking));
  const [row] = await ask(Prisma.sql`FOR NO KEY UPDATE`).catch((error: unknown) => {
    if (!isTimeout(error)) throw error;
    return ask(Prisma.sql`FOR NO KEY UPDATE SKIP LOCKED`);
  });
  return row ?? null;
}

/** Connections are locked in the order of their ids, as by every writer. */
function closeStatement(appId: string, by: ClosedBy, condition: Prisma.Sql, locking: Prisma.Sql): Prisma.Sql {
  const isAccepted = by === "accepted";
  return Prisma.sql`
    WITH found AS (
      SELECT a.id, a.breaker_state, a.breaker_reason, a.breaker_changed_at, a.breaker_accepted_at,
             a.breaker_state <> 'closed' AND (${condition}) IS TRUE AS closes
      FROM oauth_app a WHERE a.id = ${appId}
      FOR NO KEY UPDATE
    ), app AS (
      SELECT * FROM found WHERE closes
    ), closed AS (
      UPDATE oauth_app o
      SET breaker_state = 'closed', breaker_reason = NULL, breaker_changed_at = clock_timestamp(),
          breaker_probe_at = NULL, breaker_probe_id = NULL,
          breaker_accepted_at = CASE WHEN ${isAccepted} THEN clock_timestamp() ELSE o.breaker_accepted_at END
      FROM app WHERE o.id = app.id
    ), put_off AS (
      SELECT c.id, c.due_at > now() AS waits
      FROM connection c
      WHERE c.state = 'active' AND (c.first_strike_at IS NOT NULL OR c.last_outcome = 'misconfigured')
        AND c.id IN (${putOffIds()})
      ORDER BY c.id
      ${locking}
    ), forward AS (
      UPDATE connection c
      SET due_at = CASE WHEN c.due_at IS NULL THEN NULL ELSE least(c.due_at, date_trunc('milliseconds', now())) END,
          strikes = CASE WHEN a.breaker_reason = 'rejections' AND NOT ${isAccepted} THEN 0 ELSE c.strikes END,
          first_strike_at =
            CASE WHEN a.breaker_reason = 'rejections' AND NOT ${isAccepted} THEN NULL ELSE c.first_strike_at END
      FROM put_off p, app a WHERE c.id = p.id
    ), tried_again AS (
      UPDATE token_candidate k SET refused_at = NULL
      FROM put_off p, app a
      WHERE k.connection_id = p.id AND a.breaker_reason = 'rejections' AND NOT ${isAccepted}
    ), count_forward AS (
      SELECT count(*) FILTER (WHERE waits)::int AS connections FROM put_off
    ), journal AS (
      INSERT INTO refresh_event (app_id, kind, detail)
      SELECT a.id, 'breaker_closed', jsonb_build_object('by', ${by}::text, 'reason', a.breaker_reason, 'openForMs',
               round(extract(epoch FROM clock_timestamp() - a.breaker_changed_at) * 1000))
      FROM app a
    ), told AS (
      INSERT INTO outbox (kind, payload)
      SELECT 'app.breaker_closed', jsonb_build_object('app', a.id, 'by', ${by}::text, 'reason', a.breaker_reason) FROM app a
    )
    SELECT f.breaker_state::text AS state, f.breaker_reason AS reason, f.closes AS closed,
           n.connections AS "broughtForward"
    FROM found f, count_forward n`;
}

/** Both halves follow a small index of their own: what is in order is not looked at. */
function putOffIds(): Prisma.Sql {
  return Prisma.sql`
    SELECT c.id FROM app a JOIN connection c ON c.app_id = a.id
    WHERE a.breaker_reason = 'rejections' AND ${IN_DOUBT}
    UNION ALL
    SELECT c.id FROM app a JOIN connection c ON c.app_id = a.id
    WHERE a.breaker_reason IS DISTINCT FROM 'rejections' AND c.last_outcome = 'misconfigured' AND c.state = 'active'`;
}
