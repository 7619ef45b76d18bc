import type { Prisma } from "../../src/generated/client.ts";
import type { Store } from "../../src/index.ts";
import type { TestStore } from "../refresh/rows.ts";

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;

/** Rows as the fleet would have left them; every `…AgoMs` counts from the database's clock. */
export function breakerRows({ store, connect }: Pick<TestStore, "store" | "connect">) {
  const { prisma } = store;
  const ago = async (ms: number) => new Date((await databaseTime(store)) - ms);
  return {
    ago,

    /** A connection that was refused for the first time so long ago, and tried again later if so said. */
    async refused(id: string, refused: { agoMs?: number; triedAgoMs?: number; dueInMs?: number; appId?: string } = {}) {
      const { agoMs = SECOND_MS, triedAgoMs, dueInMs = -SECOND_MS, appId = "app" } = refused;
      await connect(id, { appId, dueInMs });
      const lastAttemptAt = await ago(triedAgoMs ?? agoMs);
      const data = { strikes: 1, firstStrikeAt: await ago(agoMs), lastAttemptAt, failures: 1 };
      await prisma.connection.update({ where: { id }, data: { ...data, lastOutcome: "rejected" } });
    },

    async refreshed(id: string, { agoMs = SECOND_MS, dueInMs = MINUTE_MS, appId = "app" } = {}) {
      await connect(id, { appId, dueInMs });
      const at = await ago(agoMs);
      const data = { lastRefreshedAt: at, lastAttemptAt: at, lastOutcome: "rotated" };
      await prisma.connection.update({ where: { id }, data });
    },

    /** A connection that an app's own fault kept from being refreshed. */
    async misconfigured(id: string, { agoMs = SECOND_MS, dueInMs = MINUTE_MS, refreshedBefore = true } = {}) {
      await connect(id, { dueInMs });
      const data = { lastAttemptAt: await ago(agoMs), lastOutcome: "misconfigured", failures: 1 };
      const lastRefreshedAt = refreshedBefore ? await ago(agoMs + MINUTE_MS) : null;
      await prisma.connection.update({ where: { id }, data: { ...data, lastRefreshedAt } });
    },

    async app(data: Prisma.OAuthAppUncheckedUpdateInput, id = "app"): Promise<void> {
      await prisma.oAuthApp.update({ where: { id }, data });
    },

    /** Everything as if nothing had happened yet, except that the app is there. */
    async clear(): Promise<void> {
      await prisma.connection.deleteMany();
      await prisma.refreshEvent.deleteMany();
      await prisma.outbox.deleteMany();
      const closed = { breakerReason: null, breakerChangedAt: null, breakerProbeAt: null, breakerProbeId: null };
      await prisma.oAuthApp.updateMany({ data: { breakerState: "closed", ...closed, breakerAcceptedAt: null } });
    },

    connection: (id: string) => prisma.connection.findUniqueOrThrow({ where: { id } }),
    readApp: (id = "app") => prisma.oAuthApp.findUniqueOrThrow({ where: { id } }),

    async told(): Promise<unknown[]> {
      const events = await prisma.refreshEvent.findMany({ orderBy: { id: "asc" } });
      const outbox = await prisma.outbox.findMany({ orderBy: { id: "asc" } });
      return [
        ...events.map(({ kind, connectionId, detail }) => ({ kind, connectionId, detail })),
        ...outbox.map(({ kind, connectionId, payload }) => ({ kind, connectionId, payload })),
      ];
    },
  };
}

export async function databaseTime({ prisma }: Store): Promise<number> {
  const [row] = await prisma.$queryRaw<{ ms: number }[]>`
    SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms`;
  if (row === undefined) throw new Error("the database has no clock");
  return row.ms;
}
