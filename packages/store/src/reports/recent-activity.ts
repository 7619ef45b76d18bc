import type { Snapshot } from "./read-only-snapshot.ts";

/** What the refreshes of one app came to lately. An hour is 60 minutes of the clock, the current one included. */
export interface OutcomeActivity {
  readonly appId: string;
  readonly outcome: string;
  readonly lastHour: number;
  readonly lastDay: number;
  /** Sums and the greatest of the last hour. */
  readonly latenessMsSum: number;
  readonly latenessMsMax: number;
}

/** One range of the tally's primary key. */
export function readRecentActivity(snapshot: Snapshot): Promise<OutcomeActivity[]> {
  return snapshot.$queryRaw<OutcomeActivity[]>`
    SELECT app_id AS "appId", outcome,
           coalesce(sum(refreshes) FILTER (WHERE in_hour), 0)::float8 AS "lastHour",
           sum(refreshes)::float8 AS "lastDay",
           coalesce(sum(lateness_ms_sum) FILTER (WHERE in_hour), 0)::float8 AS "latenessMsSum",
           coalesce(max(lateness_ms_max) FILTER (WHERE in_hour), 0)::float8 AS "latenessMsMax"
    FROM refresh_tally,
      LATERAL (SELECT bucket_at > date_trunc('minute', now()) - interval '60 minutes' AS in_hour) derived
    WHERE bucket_at > date_trunc('minute', now()) - interval '24 hours'
    GROUP BY app_id, outcome
    ORDER BY app_id, outcome`;
}

/** One minute of the whole fleet. */
export interface MinuteActivity {
  readonly at: Date;
  /** Token sets received. */
  readonly succeeded: number;
  /** Answers that the grant is refused. */
  readonly rejected: number;
  /** Everything else: throttled, unavailable, ambiguous, misconfigured. */
  readonly failed: number;
}

/** The last 60 minutes, oldest first, silent ones too. The last one has only begun. */
export function readMinutes(snapshot: Snapshot): Promise<MinuteActivity[]> {
  return snapshot.$queryRaw<MinuteActivity[]>`
    SELECT minute.at,
           coalesce(sum(t.refreshes) FILTER (WHERE t.outcome IN ('rotated', 'renewed')), 0)::float8 AS succeeded,
           coalesce(sum(t.refreshes) FILTER (WHERE t.outcome = 'rejected'), 0)::float8 AS rejected,
           coalesce(sum(t.refreshes) FILTER (WHERE t.outcome NOT IN ('rotated', 'renewed', 'rejected')), 0)::float8
             AS failed
    FROM generate_series(date_trunc('minute', now()) - interval '59 minutes', date_trunc('minute', now()),
                         interval '1 minute') AS minute(at)
    LEFT JOIN refresh_tally t ON t.bucket_at = minute.at
    GROUP BY minute.at
    ORDER BY minute.at`;
}
