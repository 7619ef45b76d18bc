import type { ConnectionState, RefreshMode } from "@evergrant/core";
import type { QuerySource } from "./query-source.ts";

/** Which connections are meant; conditions that are given must all hold. */
export interface ConnectionFilter {
  readonly appId?: string | undefined;
  readonly state?: ConnectionState | undefined;
  readonly customer?: string | undefined;
  /** Active, in mode `fresh`, and its access token has expired. */
  readonly stale?: boolean | undefined;
}

/** A connection on one line. Times are epoch ms. */
export interface ConnectionSummary {
  readonly id: string;
  readonly appId: string;
  readonly customer: string | null;
  readonly mode: RefreshMode;
  readonly state: ConnectionState;
  readonly dueAt: number | null;
  readonly accessTokenExpiresAt: number | null;
  readonly lastOutcome: string | null;
  readonly lastAttemptAt: number | null;
  readonly lastRefreshedAt: number | null;
  readonly failures: number;
}

/**
 * Reads connections in the order of their ids, a page at a time. Nothing is decrypted.
 *
 * @param after the last id of the page before; null for the first page
 */
export async function listConnections(
  { prisma }: QuerySource,
  filter: ConnectionFilter,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<ConnectionSummary[]> {
  const { appId, state, customer, stale } = conditionsOf(filter);
  const rows = await prisma.$queryRaw<SummaryRow[]>`
    SELECT c.id, c.app_id, c.customer, c.mode::text, c.state::text, c.due_at, c.access_token_expires_at,
           c.last_outcome, c.last_attempt_at, c.last_refreshed_at, c.failures
    FROM connection c
    WHERE c.id > ${after ?? ""}
      AND (${appId}::text IS NULL OR c.app_id = ${appId})
      AND (${state}::connection_state IS NULL OR c.state = ${state}::connection_state)
      AND (${customer}::text IS NULL OR c.customer = ${customer})
      AND (NOT ${stale}::boolean
           OR c.state = 'active' AND c.mode = 'fresh' AND c.access_token_expires_at < clock_timestamp())
    ORDER BY c.id LIMIT ${limit}`;
  return rows.map((row) => ({
    id: row.id,
    appId: row.app_id,
    customer: row.customer,
    mode: row.mode,
    state: row.state,
    dueAt: row.due_at?.getTime() ?? null,
    accessTokenExpiresAt: row.access_token_expires_at?.getTime() ?? null,
    lastOutcome: row.last_outcome,
    lastAttemptAt: row.last_attempt_at?.getTime() ?? null,
    lastRefreshedAt: row.last_refreshed_at?.getTime() ?? null,
    failures: row.failures,
  }));
}

/** How many connections are meant. */
export async function countConnections({ prisma }: QuerySource, filter: ConnectionFilter): Promise<number> {
  const { appId, state, customer, stale } = conditionsOf(filter);
  const rows = await prisma.$queryRaw<{ total: number }[]>`
    SELECT count(*)::int AS total FROM connection c
    WHERE (${appId}::text IS NULL OR c.app_id = ${appId})
      AND (${state}::connection_state IS NULL OR c.state = ${state}::connection_state)
      AND (${customer}::text IS NULL OR c.customer = ${customer})
      AND (NOT ${stale}::boolean
           OR c.state = 'active' AND c.mode = 'fresh' AND c.access_token_expires_at < clock_timestamp())`;
  return rows[0]?.total ?? 0;
}

/** Null where nothing is asked. The planner sees the values and drops what is not asked before it plans. */
function conditionsOf({ appId, state, customer, stale }: ConnectionFilter) {
  return { appId: appId ?? null, state: state ?? null, customer: customer ?? null, stale: stale ?? false };
}

interface SummaryRow {
  readonly id: string;
  readonly app_id: string;
  readonly customer: string | null;
  readonly mode: RefreshMode;
  readonly state: ConnectionState;
  readonly due_at: Date | null;
  readonly access_token_expires_at: Date | null;
  readonly last_outcome: string | null;
  readonly last_attempt_at: Date | null;
  readonly last_refreshed_at: Date | null;
  readonly failures: number;
}
