import { Prisma } from "../generated/client.ts";

/**
 * Whether a refusal of connection `c` may be our mistake rather than its customer's leaving, in terms of
 * its app `a`. An operator's acceptance covers every connection that has not been refreshed since: it was
 * refused then, or may be found to have left at its next turn. One that has been refreshed since was alive.
 */
export const IN_DOUBT = Prisma.sql`(
  c.first_strike_at IS NOT NULL
  AND (a.breaker_accepted_at IS NULL OR coalesce(c.last_refreshed_at, c.created_at) > a.breaker_accepted_at))`;

/** Whether connection `c` will be tried again by itself. */
export const IS_SCHEDULED = Prisma.sql`(c.state = 'active' AND c.due_at IS NOT NULL)`;
