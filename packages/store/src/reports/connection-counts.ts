import type { ConnectionState, RefreshMode } from "@evergrant/core";
import type { Snapshot } from "./read-only-snapshot.ts";

/** The connections of one app that share state and mode, counted. */
export interface ConnectionCount {
  readonly appId: string;
  readonly state: ConnectionState;
  readonly mode: RefreshMode;
  readonly connections: number;
  /** Active, mode `fresh`, access token expired: the number that must be 0. */
  readonly stale: number;
  /** Active and past the due time. */
  readonly overdue: number;
  /** How late the one due longest is now; 0 when none is. */
  readonly oldestDueAgeMs: number;
  /** Active, by when the first of all limits ends the grant, unless a refresh extends it before. */
  readonly expiring: ExpiringCounts;
  /** Active, by when the limit that no refresh extends ends the grant. */
  readonly ending: ExpiringCounts;
}

/** How many within so many days, those of the shorter windows included. */
export interface ExpiringCounts {
  readonly days7: number;
  readonly days30: number;
  readonly days90: number;
}

/** Reads the whole connection table once: the one part of a report whose cost follows what exists. */
export async function readConnectionCounts(snapshot: Snapshot): Promise<ConnectionCount[]> {
  const rows = await snapshot.$queryRaw<Row[]>`
    SELECT app_id AS "appId", state::text, mode::text, count(*)::float8 AS connections,
      (count(*) FILTER (WHERE live AND mode = 'fresh' AND access_token_expires_at < now()))::float8 AS stale,
      (count(*) FILTER (WHERE live AND due_at < now()))::float8 AS overdue,
      round(coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE live AND due_at < now())), 0) * 1000)::float8
        AS "oldestDueAgeMs",
      (count(*) FILTER (WHERE live AND first_end < now() + interval '7 days'))::float8 AS expiring7,
      (count(*) FILTER (WHERE live AND first_end < now() + interval '30 days'))::float8 AS expiring30,
      (count(*) FILTER (WHERE live AND first_end < now() + interval '90 days'))::float8 AS expiring90,
      (count(*) FILTER (WHERE live AND grant_hard_expires_at < now() + interval '7 days'))::float8 AS ending7,
      (count(*) FILTER (WHERE live AND grant_hard_expires_at < now() + interval '30 days'))::float8 AS ending30,
      (count(*) FILTER (WHERE live AND grant_hard_expires_at < now() + interval '90 days'))::float8 AS ending90
    FROM connection,
      LATERAL (SELECT state = 'active' AS live, least(grant_expires_at, grant_hard_expires_at) AS first_end) derived
    GROUP BY app_id, state, mode`;
  return rows.map(({ expiring7, expiring30, expiring90, ending7, ending30, ending90, ...row }) => ({
    ...row,
    expiring: { days7: expiring7, days30: expiring30, days90: expiring90 },
    ending: { days7: ending7, days30: ending30, days90: ending90 },
  }));
}

interface Row extends Omit<ConnectionCount, "expiring" | "ending"> {
  readonly expiring7: number;
  readonly expiring30: number;
  readonly expiring90: number;
  readonly ending7: number;
  readonly ending30: number;
  readonly ending90: number;
}
