import { claim } from "../store/claim.ts";
import { createMemoryStore, type RefreshStore } from "../store/memory-store.ts";
import { settle } from "../store/settle.ts";
import type { Tables } from "../store/tables.ts";
import { takeBefore } from "./settle-checks.ts";
import type { Watch } from "./watch.ts";

export type Settle = typeof settle;

/**
 * The store in memory with every claim and settle looked at, before and after.
 *
 * @param settleOne what settles: a test shows that a faulty one is found out
 */
export function createWatchedStore(tables: Tables, watch: Watch, settleOne: Settle = settle): RefreshStore {
  return {
    ...createMemoryStore(tables),
    async claim(ids, options) {
      const claims = claim(tables, ids, options);
      for (const item of claims) {
        const row = tables.connections.get(item.connection.id);
        if (row !== undefined) watch.claimed(row, item);
      }
      return claims;
    },
    async settle(settlements) {
      return settlements.map((settlement) => {
        const row = tables.connections.get(settlement.connectionId);
        if (row === undefined) return "stale";
        const before = takeBefore(row);
        watch.settling();
        const [result = "stale"] = settleOne(tables, [settlement]);
        watch.settled(settlement, result, before, row);
        return result;
      });
    },
  };
}
