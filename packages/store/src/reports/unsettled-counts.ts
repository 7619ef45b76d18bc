import type { Snapshot } from "./read-only-snapshot.ts";

/** What is under way, or was left behind, in one app. */
export interface UnsettledCount {
  readonly appId: string;
  /** Refreshes claimed and not settled yet. */
  readonly openIntents: number;
  /** Of these, the ones whose lease has ended: their outcome is unknown until they are claimed again. */
  readonly abandonedIntents: number;
  /** Since the first claim of the one unsettled longest; 0 when there is none. */
  readonly oldestIntentAgeMs: number;
  /** Token sets that were received but not stored as current. */
  readonly candidates: number;
}

/** Both tables hold only what is unsettled, so they are small. */
export function readUnsettledCounts(snapshot: Snapshot): Promise<UnsettledCount[]> {
  return snapshot.$queryRaw<UnsettledCount[]>`
    SELECT app_id AS "appId", sum(open)::float8 AS "openIntents", sum(abandoned)::float8 AS "abandonedIntents",
           round(greatest(0, max(age_ms)))::float8 AS "oldestIntentAgeMs", sum(candidates)::float8 AS candidates
    FROM (
      SELECT app_id, count(*) AS open, count(*) FILTER (WHERE lease_expires_at < now()) AS abandoned,
             extract(epoch FROM now() - min(first_claimed_at)) * 1000 AS age_ms, 0 AS candidates
      FROM refresh_intent GROUP BY app_id
      UNION ALL
      SELECT c.app_id, 0, 0, 0, count(*)
      FROM token_candidate k JOIN connection c ON c.id = k.connection_id GROUP BY c.app_id
    ) unsettled
    GROUP BY app_id`;
}
