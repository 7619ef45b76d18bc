import type { Snapshot } from "./read-only-snapshot.ts";

/** One refresh that failed, as the journal has it. The provider's words were scrubbed when it was judged. */
export interface RefreshFailure {
  readonly at: Date;
  readonly connectionId: string;
  readonly customer: string | null;
  readonly appId: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly cause: string | null;
  /** HTTP status; null when no answer came. */
  readonly status: number | null;
  readonly description: string | null;
  /** The provider's own id of the request: what its support asks for. */
  readonly requestId: string | null;
}

/** The newest first. */
export function readLatestFailures(snapshot: Snapshot, limit: number): Promise<RefreshFailure[]> {
  return snapshot.$queryRaw<RefreshFailure[]>`
    SELECT e.at, e.connection_id AS "connectionId", c.customer, e.app_id AS "appId",
           coalesce(e.detail->>'outcome', 'unknown') AS outcome, e.detail->>'reason' AS reason,
           e.detail->>'cause' AS cause,
           CASE jsonb_typeof(e.detail#>'{evidence,status}') WHEN 'number'
             THEN (e.detail#>>'{evidence,status}')::float8 END AS status,
           e.detail#>>'{evidence,errorDescription}' AS description, e.detail#>>'{evidence,requestId}' AS "requestId"
    FROM refresh_event e LEFT JOIN connection c ON c.id = e.connection_id
    WHERE e.kind = 'refresh_failed'
    ORDER BY e.id DESC
    LIMIT ${limit}::int`;
}
