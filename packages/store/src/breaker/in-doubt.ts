import type { BreakerPolicy } from "@evergrant/core";
import { Prisma } from "../generated/client.ts";

/**
 * Whether a refusal of connection `c` may be our mistake rather than its customer's leaving, in terms of
 * its app `a`. An operator's acceptance settles it for those that were refused by then.
 */
export const IN_DOUBT = Prisma.sql`(
  c.first_strike_at IS NOT NULL AND (a.breaker_accepted_at IS NULL OR c.first_strike_at > a.breaker_accepted_at))`;

/**
 * Whether connection `c` has not been refreshed since an operator accepted that customers of its app leave: it may
 * turn out to have left as well. One that has been refreshed since was alive.
 */
export const IS_EXPECTED = Prisma.sql`(
  a.breaker_accepted_at IS NOT NULL AND coalesce(c.last_refreshed_at, c.created_at) <= a.breaker_accepted_at)`;

/** Whether connection `c` will be tried again by itself. */
export const IS_SCHEDULED = Prisma.sql`(c.state = 'active' AND c.due_at IS NOT NULL)`;

/** The same of the core, in terms of `refused`, at least as large: no more of the refreshed need to be counted. */
export function refreshedThatCount({
  rejectedShare,
  acceptedShare,
}: Pick<BreakerPolicy, "rejectedShare" | "acceptedShare">): Prisma.Sql {
  const perUnexpected = (1 - rejectedShare) / rejectedShare;
  const perRefused = (1 - acceptedShare) / acceptedShare;
  return Prisma.sql`ceil(least(greatest(
    (refused.connections - refused.expected) * ${perUnexpected}::float8, refused.connections * ${perRefused}::float8), 1e15))::bigint`;
}
