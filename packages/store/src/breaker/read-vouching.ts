import type { BreakerPolicy, Vouching } from "@evergrant/core";
import type { Store } from "../client.ts";
import { IN_DOUBT, IS_SCHEDULED, isExpected, sqlVouchersNeeded } from "./in-doubt.ts";

/**
 * Counts what `isVouchedFor` needs to know of the app of a connection that has been refused, since its first refusal.
 * Those refreshed with another client secret do not count: while credentials are rolled out, what the old ones
 * obtain says nothing about the new ones.
 *
 * Refreshes and other connections are counted no further than they matter: the cost follows the refusals.
 *
 * @returns null when there is nothing to wait for: an operator has accepted its refusal, or it has none
 * @throws the driver's error when the database is away
 */
export async function readVouching(
  { prisma }: Pick<Store, "prisma">,
  { connectionId, secretId }: { readonly connectionId: string; readonly secretId: bigint | null },
  policy: Pick<BreakerPolicy, "rejectedShare" | "acceptedShare" | "acceptedForMs">,
): Promise<Vouching | null> {
  const [row] = await prisma.$queryRaw<Vouching[]>`
    WITH app AS (
      SELECT a.id, a.breaker_accepted_at, c.first_strike_at AS since,
             coalesce(t.stored_at < c.last_refreshed_at, t.connection_id IS NULL) AS is_set_back
      FROM connection c JOIN oauth_app a ON a.id = c.app_id LEFT JOIN token_set t ON t.connection_id = c.id
      WHERE c.id = ${connectionId} AND ${IN_DOUBT}
    ), refused AS (
      SELECT count(*) AS connections, count(*) FILTER (WHERE ${isExpected(policy)}) AS expected
      FROM app a JOIN connection c ON c.app_id = a.id
      WHERE ${IN_DOUBT} AND (c.first_strike_at > a.since OR ${IS_SCHEDULED})
    ), needed AS (
      SELECT ${sqlVouchersNeeded(policy)} AS connections FROM refused
    ), refreshed AS (
      SELECT count(*) AS connections FROM (
        SELECT FROM app a JOIN connection c ON c.app_id = a.id JOIN token_set t ON t.connection_id = c.id
        WHERE c.last_refreshed_at > a.since AND c.first_strike_at IS NULL
          AND t.secret_id IS NOT DISTINCT FROM ${secretId === null ? null : secretId.toString()}::text::bigint
        LIMIT (SELECT connections FROM needed)
      ) counted
    ), others AS (
      SELECT count(*) AS connections FROM (
        SELECT FROM app a JOIN connection c ON c.app_id = a.id
        WHERE c.id <> ${connectionId} AND c.state = 'active'
        LIMIT (SELECT connections FROM needed)
      ) counted
    )
    SELECT refused.connections::float8 AS rejected, refused.expected::float8 AS expected,
           refreshed.connections::float8 AS succeeded,
           others.connections::float8 AS others, app.is_set_back AS "isSetBack"
    FROM app, refused, refreshed, others`;
  return row ?? null;
}
