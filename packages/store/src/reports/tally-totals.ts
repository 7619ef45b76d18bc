import type { Snapshot } from "./read-only-snapshot.ts";

/** All refreshes of one app that came to the same outcome for the same cause, ever. */
export interface OutcomeTotal {
  readonly appId: string;
  readonly outcome: string;
  /** Why a grant was refused; empty for the outcomes that have no cause. */
  readonly cause: string;
  readonly refreshes: number;
  readonly durationMsSum: number;
  readonly latenessMsSum: number;
}

/**
 * Sums the tally over all time and all processes. Rows are merged but never dropped, so a sum never
 * goes back, whatever restarts. A float8 is exact up to 2^53.
 */
export function readTallyTotals(snapshot: Snapshot): Promise<OutcomeTotal[]> {
  return snapshot.$queryRaw<OutcomeTotal[]>`
    SELECT app_id AS "appId", outcome, cause, sum(refreshes)::float8 AS refreshes,
           sum(duration_ms_sum)::float8 AS "durationMsSum", sum(lateness_ms_sum)::float8 AS "latenessMsSum"
    FROM refresh_tally
    GROUP BY app_id, outcome, cause
    ORDER BY app_id, outcome, cause`;
}
