import type { Lease } from "@evergrant/store";
import type { IntentRow, Tables } from "./tables.ts";

/** As `renewLeases` of the real store: one that is late but was not taken over is still its holder's. */
export function renewLeases(tables: Tables, leases: readonly Lease[], leaseMs: number): ReadonlySet<string> {
  const renewed = new Set<string>();
  for (const lease of leases) {
    const intent = intentOf(tables, lease);
    if (intent === null) continue;
    intent.leaseExpiresAt = tables.now() + leaseMs;
    renewed.add(lease.intentId);
  }
  return renewed;
}

/** As `isLeaseAlive` of the real store. */
export function isLeaseAlive(tables: Tables, lease: Lease, marginMs: number): boolean {
  const intent = intentOf(tables, lease);
  const row = tables.connections.get(lease.connectionId);
  if (intent === null || row === undefined) return false;
  if (intent.generation !== row.generation) {
    row.intent = null;
    return false;
  }
  return intent.leaseExpiresAt > tables.now() + marginMs;
}

export function intentOf(tables: Tables, { connectionId, intentId }: Lease): IntentRow | null {
  const intent = tables.connections.get(connectionId)?.intent ?? null;
  return intent?.intentId === intentId ? intent : null;
}
