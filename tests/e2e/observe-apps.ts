import type { Store } from "@evergrant/store";
import { until } from "./process.ts";

/** What an operator could read of an OAuth app, asked of the database itself. */
export type AppObserver = ReturnType<typeof observeApps>;

export function observeApps({ prisma }: Store) {
  return {
    breakerOf: (id: string) => prisma.oAuthApp.findUniqueOrThrow({ where: { id } }),

    statesOf(appId: string): Promise<unknown[]> {
      const select = { id: true, state: true, stateReason: true, stateChangedAt: true };
      return prisma.connection.findMany({ where: { appId }, select, orderBy: { id: "asc" } });
    },

    /** The connections whose grants were taken for dead, in order. */
    async endedOf(appId: string): Promise<string[]> {
      const ended = await prisma.connection.findMany({ where: { appId, state: "needs_reauth" } });
      return ended.map(({ id }) => id).toSorted();
    },

    /** What befell the app itself: the event, and by whom or why. */
    async eventsOf(appId: string): Promise<string[]> {
      const where = { appId, connectionId: null };
      const events = await prisma.refreshEvent.findMany({ where, orderBy: { id: "asc" } });
      return events.map(({ kind, detail }) => {
        const { reason, by } = detail as { reason: string; by?: string };
        return `${kind} ${by ?? reason}`;
      });
    },

    /** Answers that refused the app itself. */
    async misconfiguredAnswersOf(appId: string): Promise<number> {
      const where = { appId, outcome: "misconfigured" };
      const { _sum } = await prisma.refreshTally.aggregate({ _sum: { refreshes: true }, where });
      return Number(_sum.refreshes ?? 0);
    },

    /** Waits until every connection of these apps, but for some, has been refreshed from now on. */
    async refreshedByAll(appIds: readonly string[], except: readonly string[] = []): Promise<void> {
      const [row] = await prisma.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
      const late = { OR: [{ lastRefreshedAt: null }, { lastRefreshedAt: { lt: row?.now ?? new Date() } }] };
      const where = { appId: { in: [...appIds] }, id: { notIn: [...except] }, ...late };
      await until("all have been refreshed", async () => (await prisma.connection.count({ where })) === 0, 60_000);
    },
  };
}
