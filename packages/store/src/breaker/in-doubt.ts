import { type BreakerPolicy, vouchersNeeded } from "@evergrant/core";
import { Prisma } from "../generated/client.ts";

/**
 * Whether a refusal of connection `c` may be our mistake rather than its customer's leaving, in terms of
 * its app `a`. An operator's acceptance settles it for those that were refused by then.
 */
export const IN_DOUBT = Prisma.sql`(
  c.first_strike_at IS NOT NULL AND (a.breaker_accepted_at IS NULL OR c.first_strike_at > a.breaker_accepted_at))`;

/**
 * Whether connection `c` has got no token set since an operator accepted, not long ago, that customers of its app `a`
 * leave: it may turn out to have left as well. One that was refreshed or connected since was alive.
 */
export function isExpected({ acceptedForMs }: Pick<BreakerPolicy, "acceptedForMs">): Prisma.Sql {
  return Prisma.sql`(
    a.breaker_accepted_at > clock_timestamp() - ${acceptedForMs}::float8 * interval '1 millisecond'
    AND greatest(c.created_at, c.last_refreshed_at,
          (SELECT t.stored_at FROM token_set t WHERE t.connection_id = c.id)) <= a.breaker_accepted_at)`;
}

/** Whether connection `c` will be tried again by itself. */
export const IS_SCHEDULED = Prisma.sql`(c.state = 'active' AND c.due_at IS NOT NULL)`;

/** The core's `vouchersNeeded`, rounded up, in terms of `refused`: no more of the refreshed need to be counted. */
export function sqlVouchersNeeded(policy: Pick<BreakerPolicy, "rejectedShare" | "acceptedShare">): Prisma.Sql {
  const perUnexpected = vouchersNeeded({ rejected: 1, expected: 0 }, policy);
  const perRefused = vouchersNeeded({ rejected: 1, expected: 1 }, policy);
  return Prisma.sql`ceil(least(1e15, greatest(
    (refused.connections - refused.expected) * ${perUnexpected}::float8, refused.connections * ${perRefused}::float8)))::bigint`;
}
