import type { Store } from "../client.ts";

/** Which lease: one connection has one intent at a time. */
export interface Lease {
  readonly connectionId: string;
  readonly intentId: string;
}

/**
 * Renews the leases of refreshes that are still in flight.
 *
 * @returns the ids of the intents that were renewed. One that is missing was settled, taken over, or is
 *   held by another statement at this moment: only `isLeaseAlive` tells.
 */
export async function renewLeases(
  { prisma }: Pick<Store, "prisma">,
  leases: readonly Lease[],
  leaseMs: number,
): Promise<ReadonlySet<string>> {
  if (leases.length === 0) return new Set();
  // A row that a settle holds is passed over: waiting for it in another order could deadlock.
  const rows = await prisma.$queryRaw<{ intent_id: string }[]>`
    WITH ours AS (
      SELECT i.connection_id FROM refresh_intent i
      WHERE i.connection_id = ANY(${leases.map((lease) => lease.connectionId)}::text[])
        AND i.intent_id = ANY(${leases.map((lease) => lease.intentId)}::uuid[])
      FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE refresh_intent i
    SET lease_expires_at = clock_timestamp() + ${leaseMs}::int * interval '1 millisecond'
    FROM ours WHERE i.connection_id = ours.connection_id
    RETURNING i.intent_id::text`;
  return new Set(rows.map((row) => row.intent_id));
}

/**
 * Whether a lease still excludes others, and will for `marginMs` more, and the token set that was claimed is still
 * the current one. Where it is not, because whoever was taken over has come back with its answer, the claim is ended.
 *
 * To be asked only while nothing has been sent under it.
 */
export async function isLeaseAlive(
  { prisma }: Pick<Store, "prisma">,
  lease: Lease,
  marginMs: number,
): Promise<boolean> {
  const rows = await prisma.$queryRaw<unknown[]>`
    WITH ours AS (
      SELECT i.connection_id, i.lease_expires_at, t.generation = i.generation AS is_current
      FROM refresh_intent i JOIN token_set t ON t.connection_id = i.connection_id
      WHERE i.connection_id = ${lease.connectionId} AND i.intent_id = ${lease.intentId}::uuid
    ), overtaken AS (
      DELETE FROM refresh_intent i USING ours o
      WHERE i.connection_id = o.connection_id AND i.intent_id = ${lease.intentId}::uuid AND NOT o.is_current
    )
    SELECT 1 FROM ours
    WHERE is_current AND lease_expires_at > clock_timestamp() + ${marginMs}::float8 * interval '1 millisecond'`;
  return rows.length > 0;
}
