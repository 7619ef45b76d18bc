import type { QuerySource } from "./query-source.ts";

/** A refresh this young answers a request for one: two people who ask at once cause one provider call. */
export const FRESH_ENOUGH_MS = 5_000;

/**
 * `due`: made due now. `joined`: a refresh is in flight and will answer. `fresh`: refreshed a moment
 * ago, which answers already. `needs_reauth`: only its customer can help. `held`: the app's breaker is
 * not closed. `unknown`: no such connection.
 */
export type RefreshVerdict = "due" | "joined" | "fresh" | "needs_reauth" | "held" | "unknown";

/** The answer to one request, and what a later answer is told by. */
export interface RefreshTicket {
  readonly id: string;
  /** Null when the connection is unknown. */
  readonly appId: string | null;
  readonly verdict: RefreshVerdict;
  /** The first attempt at or after this time answers, epoch ms of the database's clock; null when none will. */
  readonly since: number | null;
}

/**
 * Makes active connections due now, many at once, and tells which of them will be answered and by
 * what. Only the schedule moves, never a token; asking again is harmless. Rows are locked in the
 * order of their ids, so a settle that commits meanwhile counts as the answer and is not repeated.
 *
 * @param connectionIds best 1,000 or fewer
 * @param maxAgeMs how young a refresh must be to answer; 0 asks for a new one unless one is in flight
 * @returns one ticket per distinct id
 * @throws the driver's error when the database is away
 */
export async function requestRefresh(
  { prisma }: QuerySource,
  connectionIds: readonly string[],
  { maxAgeMs = FRESH_ENOUGH_MS }: { readonly maxAgeMs?: number } = {},
): Promise<RefreshTicket[]> {
  if (connectionIds.length === 0) return [];
  const ids = [...new Set(connectionIds)];
  const rows = await prisma.$queryRaw<TicketRow[]>`
    WITH asked AS (
      SELECT c.id, c.app_id, c.state, c.failures, c.last_attempt_at, c.last_refreshed_at
      FROM connection c WHERE c.id = ANY(${ids}::text[])
      ORDER BY c.id
      FOR NO KEY UPDATE
    ), judged AS (
      SELECT q.*, i.claimed_at, CASE
          WHEN q.state <> 'active' THEN 'needs_reauth'
          WHEN a.breaker_state <> 'closed' THEN 'held'
          WHEN i.lease_expires_at > clock_timestamp() THEN 'joined'
          WHEN q.failures = 0 AND q.last_refreshed_at > now() - ${maxAgeMs}::int * interval '1 millisecond' THEN 'fresh'
          ELSE 'due' END AS verdict
      FROM asked q JOIN oauth_app a ON a.id = q.app_id LEFT JOIN refresh_intent i ON i.connection_id = q.id
    ), moved AS (
      UPDATE connection c SET due_at = least(c.due_at, date_trunc('milliseconds', now()))
      FROM judged j WHERE j.id = c.id AND j.verdict = 'due'
    )
    SELECT id, app_id, verdict, last_attempt_at, claimed_at FROM judged`;
  const found = new Map(rows.map((row) => [row.id, toTicket(row)]));
  return ids.map((id) => found.get(id) ?? { id, appId: null, verdict: "unknown", since: null });
}

interface TicketRow {
  readonly id: string;
  readonly app_id: string;
  readonly verdict: RefreshVerdict;
  readonly last_attempt_at: Date | null;
  readonly claimed_at: Date | null;
}

function toTicket(row: TicketRow): RefreshTicket {
  return { id: row.id, appId: row.app_id, verdict: row.verdict, since: answeredSince(row) };
}

function answeredSince({ verdict, last_attempt_at: lastAttempt, claimed_at: claimed }: TicketRow): number | null {
  switch (verdict) {
    case "due":
      // Stored times are whole milliseconds: the next attempt is at least one later.
      return lastAttempt === null ? 0 : lastAttempt.getTime() + 1;
    case "joined":
      return claimed?.getTime() ?? 0;
    case "fresh":
      return 0;
    default:
      return null;
  }
}
