import type { BreakerState } from "@evergrant/core";
import type { Store } from "../client.ts";
import { IN_DOUBT, IS_SCHEDULED } from "./in-doubt.ts";

/** An app's breaker for people. Times are epoch ms. */
export interface BreakerSummary {
  readonly appId: string;
  readonly provider: string;
  readonly state: BreakerState;
  readonly reason: string | null;
  /** When it opened or closed last; null when it never has. */
  readonly changedAt: number | null;
  readonly nextProbeAt: number | null;
  /** While it is not closed: connections that are due and wait for it. */
  readonly held: number;
  /** While it is not closed: connections that were refused, and are neither ended nor tried before it closes. */
  readonly refused: number;
}

/** Every app's breaker, by the app's id. Connections are counted only where one is not closed. */
export async function listBreakers({ prisma }: Pick<Store, "prisma">): Promise<BreakerSummary[]> {
  const rows = await prisma.$queryRaw<BreakerRow[]>`
    SELECT a.id, a.provider, a.breaker_state::text AS state, a.breaker_reason, a.breaker_changed_at, a.breaker_probe_at,
           coalesce(n.held, 0)::float8 AS held, coalesce(n.refused, 0)::float8 AS refused
    FROM oauth_app a LEFT JOIN LATERAL (
      SELECT count(*) FILTER (WHERE c.due_at <= now()) AS held, count(*) FILTER (WHERE ${IN_DOUBT}) AS refused
      FROM connection c WHERE c.app_id = a.id AND ${IS_SCHEDULED}
    ) n ON a.breaker_state <> 'closed'
    ORDER BY a.id`;
  return rows.map((row) => ({
    appId: row.id,
    provider: row.provider,
    state: row.state,
    reason: row.breaker_reason,
    changedAt: row.breaker_changed_at?.getTime() ?? null,
    nextProbeAt: row.breaker_probe_at?.getTime() ?? null,
    held: row.held,
    refused: row.refused,
  }));
}

interface BreakerRow {
  readonly id: string;
  readonly provider: string;
  readonly state: BreakerState;
  readonly breaker_reason: string | null;
  readonly breaker_changed_at: Date | null;
  readonly breaker_probe_at: Date | null;
  readonly held: number;
  readonly refused: number;
}
