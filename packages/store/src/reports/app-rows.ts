import type { BreakerState } from "@evergrant/core";
import type { Snapshot } from "./read-only-snapshot.ts";

/** An OAuth app, its breaker, and how long ago the scheduler last looked at it. */
export interface AppRow {
  readonly appId: string;
  readonly provider: string;
  readonly environment: "production" | "sandbox";
  readonly breaker: BreakerReport;
  /** Since the last look; since the app was registered when there was none yet. */
  readonly scanLagMs: number;
}

export interface BreakerReport {
  readonly state: BreakerState;
  readonly reason: string | null;
  readonly changedAt: Date | null;
}

/** Every registered app, by id, with the database's clock. One row an app, so its cost is nothing. */
export async function readAppRows(snapshot: Snapshot): Promise<{ asOf: Date; apps: AppRow[] }> {
  const rows = await snapshot.$queryRaw<Row[]>`
    SELECT clock.now AS "asOf", a.id AS "appId", a.provider, a.environment::text,
           a.breaker_state::text AS "breakerState", a.breaker_reason AS "breakerReason",
           a.breaker_changed_at AS "breakerChangedAt",
           round(extract(epoch FROM clock.now - coalesce(s.ticked_at, a.created_at)) * 1000)::float8 AS "scanLagMs"
    FROM (SELECT now() AS now) clock
    LEFT JOIN oauth_app a ON true
    LEFT JOIN scheduler_cursor s ON s.app_id = a.id
    ORDER BY a.id`;
  // The outer join brings the clock even when there is no app.
  const apps = rows.flatMap((row) => (row.appId === null ? [] : [toApp(row, row.appId)]));
  return { asOf: rows[0]?.asOf ?? new Date(0), apps };
}

interface Row {
  readonly asOf: Date;
  readonly appId: string | null;
  readonly provider: string;
  readonly environment: "production" | "sandbox";
  readonly breakerState: BreakerState;
  readonly breakerReason: string | null;
  readonly breakerChangedAt: Date | null;
  readonly scanLagMs: number;
}

function toApp(row: Row, appId: string): AppRow {
  return {
    appId,
    provider: row.provider,
    environment: row.environment,
    breaker: { state: row.breakerState, reason: row.breakerReason, changedAt: row.breakerChangedAt },
    scanLagMs: Math.max(0, row.scanLagMs),
  };
}
