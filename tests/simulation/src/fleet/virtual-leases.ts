import type { Lease } from "@evergrant/store";
import type { AwaitedRequest } from "@evergrant/worker/escrow-keeper";
import type { RefreshParts } from "@evergrant/worker/refresh-connection";
import type { RefreshStore } from "../store/memory-store.ts";
import { LEASE_MS } from "../world/settings.ts";
import type { VirtualProcess } from "./virtual-process.ts";

/** Renewed three times in a lease's life, as production does. */
const PERIOD_MS = LEASE_MS / 3;

type AskingLease = Lease & AwaitedRequest;

/** What production's lease keeper does, on the virtual clock. */
export function keepVirtualLeases(
  process: VirtualProcess,
  store: Pick<RefreshStore, "renewLeases" | "isLeaseAlive">,
  {
    onUnrenewed,
    onError,
  }: {
    readonly onUnrenewed: (leases: readonly AskingLease[]) => void;
    readonly onError: (error: unknown) => void;
  },
): RefreshParts["leases"] {
  const held = new Map<string, { readonly lease: AskingLease; at: number }>();
  let isTicking = false;

  const renewAll = async () => {
    const asked = process.clock.now;
    const toRenew = [...held.values()].map(({ lease }) => lease);
    try {
      const renewed = await store.renewLeases(toRenew, LEASE_MS);
      for (const intentId of renewed) {
        const entry = held.get(intentId);
        if (entry !== undefined) entry.at = asked;
      }
      const missing = toRenew.filter(({ intentId }) => held.has(intentId) && !renewed.has(intentId));
      if (missing.length > 0) onUnrenewed(missing);
    } catch (error) {
      onUnrenewed(toRenew);
      onError(error);
    }
    tick();
  };
  const tick = () => {
    isTicking = held.size > 0;
    if (!isTicking) return;
    process.at(process.clock.now + PERIOD_MS, () => {
      if (held.size === 0) isTicking = false;
      else process.clock.spawn(renewAll);
    });
  };

  const stillHeld = async (lease: Lease, how: { readonly anew: boolean }): Promise<boolean> => {
    const askedAt = process.clock.now;
    if (askedAt - lastSeen(lease) < PERIOD_MS && !how.anew) return true;
    if (!(await store.isLeaseAlive(lease, PERIOD_MS))) return false;
    if (process.clock.now - askedAt >= PERIOD_MS) return stillHeld(lease, how);
    const entry = held.get(lease.intentId);
    if (entry !== undefined) entry.at = Math.max(entry.at, askedAt + PERIOD_MS - LEASE_MS);
    return true;
  };
  const lastSeen = ({ intentId }: Lease) => held.get(intentId)?.at ?? Number.NEGATIVE_INFINITY;

  return {
    async during(lease, askedAt, work) {
      held.set(lease.intentId, { lease, at: askedAt });
      if (!isTicking) tick();
      try {
        return await work({
          stillHeld: (how) => stillHeld(lease, how),
          surelyHeld: () => process.clock.now - lastSeen(lease) < LEASE_MS - PERIOD_MS / 2,
        });
      } finally {
        held.delete(lease.intentId);
      }
    },
    close: () => {},
  };
}
