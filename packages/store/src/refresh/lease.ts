import type { Store } from "../client.ts";

/**
 * Renews the leases of refreshes that are still in flight.
 *
 * @returns the intents that are no longer ours: settled meanwhile, or taken over after the lease died.
 *   Their answers must still be settled; the settle itself finds out that they are stale.
 */
export async function renewLeases(
  { prisma }: Pick<Store, "prisma">,
  intentIds: readonly string[],
  leaseMs: number,
): Promise<string[]> {
  if (intentIds.length === 0) return [];
  // A row that a settle holds is passed over: waiting for it in another order could deadlock.
  const rows = await prisma.$queryRaw<{ intent_id: string }[]>`
    WITH ours AS (
      SELECT i.connection_id FROM refresh_intent i
      WHERE i.intent_id = ANY(${intentIds as string[]}::uuid[])
      FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE refresh_intent i
    SET lease_expires_at = clock_timestamp() + ${leaseMs}::int * interval '1 millisecond'
    FROM ours WHERE i.connection_id = ours.connection_id
    RETURNING i.intent_id::text`;
  const renewed = new Set(rows.map((row) => row.intent_id));
  return intentIds.filter((id) => !renewed.has(id));
}
