import type { Snapshot } from "./read-only-snapshot.ts";

/** A connection that only its customer can bring back. */
export interface ConnectionToReauthorize {
  readonly connectionId: string;
  readonly customer: string | null;
  readonly appId: string;
  readonly since: Date;
  /** Why the grant ended, as far as it can be told. */
  readonly cause: string | null;
}

/** The newest first. */
export function readToReauthorize(snapshot: Snapshot, limit: number): Promise<ConnectionToReauthorize[]> {
  return snapshot.$queryRaw<ConnectionToReauthorize[]>`
    SELECT id AS "connectionId", customer, app_id AS "appId", state_changed_at AS since, state_reason AS cause
    FROM connection
    WHERE state = 'needs_reauth'
    ORDER BY state_changed_at DESC, id
    LIMIT ${limit}::int`;
}
