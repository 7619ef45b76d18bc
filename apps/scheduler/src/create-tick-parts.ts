import type { RefreshQueues } from "@evergrant/queue";
import type { Logger } from "@evergrant/runtime";
import { readAppSchedules, readDue, type Store, saveCursor } from "@evergrant/store";
import { keepBudgets } from "./budgets.ts";
import { createProber } from "./probe.ts";
import type { TickParts } from "./tick.ts";

/** Wires the tick to the store and the queues of this process. */
export function createTickParts(store: Store, queues: RefreshQueues, logger: Logger): TickParts {
  const sayBudgets = keepBudgets(
    (appId, budget) => queues.setBudget(appId, budget),
    (appId, error) => logger.warn({ err: error, oauthApp: appId }, "the budget could not be set"),
  );
  return {
    async readAppSchedules() {
      const apps = await readAppSchedules(store);
      await sayBudgets(apps);
      return apps;
    },
    readDue: (query) => readDue(store, query),
    saveCursor: (entry) => saveCursor(store, entry),
    waiting: async (appId) => (await queues.depth(appId)).waiting,
    offer: (appId, hints) => queues.offer(appId, hints),
    probe: createProber(store, logger),
    urge: (appId, connectionId) => queues.urge(appId, connectionId),
    onError: (appId, error) => logger.warn({ err: error, oauthApp: appId }, "due connections could not be offered"),
  };
}
