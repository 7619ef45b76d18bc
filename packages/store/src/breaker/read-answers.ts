import type { AnswersInWindow, BreakerPolicy } from "@evergrant/core";
import type { Store } from "../client.ts";
import { IN_DOUBT, IS_SCHEDULED, isExpected, sqlVouchersNeeded } from "./in-doubt.ts";

/** What an app's connections were answered lately, and when that was read, epoch ms of the database's clock. */
export interface ReadAnswers extends AnswersInWindow {
  readonly readAt: number;
}

/**
 * Counts the connections that were refused and those that were refreshed, as far as `isWave` needs to
 * know: where so many were refreshed that there is no wave, the count of them ends. So the cost follows
 * the refusals, not the app's size, unless nearly all of it is refused.
 *
 * @returns null when there is no such app or its breaker is not closed: nothing to decide
 * @throws the driver's error when the database is away
 */
export async function readAnswers(
  { prisma }: Pick<Store, "prisma">,
  appId: string,
  policy: Pick<BreakerPolicy, "windowMs" | "rejectedShare" | "acceptedShare" | "acceptedForMs">,
): Promise<ReadAnswers | null> {
  const [row] = await prisma.$queryRaw<ReadAnswers[]>`
    WITH app AS (
      SELECT a.id, a.breaker_accepted_at, clock_timestamp() AS now,
             clock_timestamp() - ${policy.windowMs}::float8 * interval '1 millisecond' AS since
      FROM oauth_app a WHERE a.id = ${appId} AND a.breaker_state = 'closed'
    ), refused AS (
      SELECT count(*) AS connections, count(*) FILTER (WHERE ${isExpected(policy)}) AS expected
      FROM app a JOIN connection c ON c.app_id = a.id
      WHERE ${IN_DOUBT} AND (c.first_strike_at > a.since OR ${IS_SCHEDULED})
    ), refreshed AS (
      SELECT count(*) AS connections FROM (
        SELECT FROM app a JOIN connection c ON c.app_id = a.id
        WHERE c.last_refreshed_at > a.since AND c.first_strike_at IS NULL
        LIMIT (SELECT ${sqlVouchersNeeded(policy)} + 1 FROM refused)
      ) counted
    )
    SELECT refused.connections::float8 AS rejected, refused.expected::float8 AS expected,
           refreshed.connections::float8 AS succeeded,
           floor(extract(epoch FROM app.now) * 1000)::float8 AS "readAt"
    FROM app, refused, refreshed`;
  return row ?? null;
}
