import { createTestDatabase, databaseUrl } from "@evergrant/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test, vi } from "vitest";
import { describeStoreError, isTransient } from "../../src/client-errors.ts";
import { awaitOutcomes } from "../../src/connections/await-outcomes.ts";
import { countConnections, listConnections } from "../../src/connections/list-connections.ts";
import { type OpenQuerySource, openQuerySource } from "../../src/connections/open-query-source.ts";
import { requestRefresh } from "../../src/connections/request-refresh.ts";
import { claim } from "../../src/refresh/claim.ts";
import { settle } from "../../src/refresh/settle.ts";
import { openTestStore, successOf, type TestStore } from "../refresh/rows.ts";

const HOUR_MS = 3_600_000;
const PAGE = { after: null, limit: 100 };

let { store, connect, close } = {} as TestStore;
let plain: OpenQuerySource;
beforeAll(async () => {
  ({ store, connect, close } = await openTestStore());
  const [row] = await store.prisma.$queryRaw<{ name: string }[]>`SELECT current_database() AS name`;
  plain = openQuerySource({
    databaseUrl: databaseUrl(inject("postgresUrl"), row?.name ?? ""),
    applicationName: "test",
  });
});
afterAll(async () => {
  await plain.close();
  await close();
});
beforeEach(async () => {
  // Neither this process nor the server lives in UTC.
  vi.stubEnv("TZ", "Asia/Kolkata");
  await store.prisma.connection.deleteMany();
});
afterEach(() => vi.unstubAllEnvs());

test("reads what Prisma reads, to the millisecond", async () => {
  await connect("a", { dueInMs: HOUR_MS });
  await connect("b");
  await store.prisma.connection.update({
    where: { id: "b" },
    data: { customer: 'q"{},\\', accessTokenExpiresAt: new Date(1_234) },
  });
  for (const filter of [
    {},
    { appId: "app" },
    { state: "active" },
    { customer: 'q"{},\\' },
    { stale: true },
    { appId: "none" },
  ] as const) {
    const read = await listConnections(plain, filter, PAGE);
    expect(read, JSON.stringify(filter)).toEqual(await listConnections(store, filter, PAGE));
    expect(await countConnections(plain, filter), JSON.stringify(filter)).toBe(read.length);
  }
});

test("asks for refreshes and sees their answers, not those from before", async () => {
  await connect("a", { dueInMs: HOUR_MS });
  const refresh = async () => {
    const claimed = await claim(store, ["a"], { holder: "worker", leaseMs: 30_000 });
    await settle(
      store,
      claimed.map((item) => successOf(item)),
      "worker",
    );
  };
  await requestRefresh(plain, ["a"]);
  await refresh();
  const tickets = await requestRefresh(plain, ["a", "missing"], { maxAgeMs: 0 });
  expect(tickets).toMatchObject([{ verdict: "due" }, { verdict: "unknown" }]);
  const answers = async (timeoutMs: number) => {
    const found = [];
    for await (const answer of awaitOutcomes(plain, tickets, { timeoutMs })) found.push(answer);
    return found;
  };
  expect(await answers(100)).toEqual([]);
  await refresh();
  expect(await answers(10_000)).toMatchObject([{ id: "a", outcome: "rotated", generation: 3 }]);
});

test("tells of an error without the values in it", async () => {
  const failed = await Promise.resolve(plain.prisma.$queryRaw`SELECT ${"canary"}::int`).catch(
    (error: unknown) => error,
  );
  expect(describeStoreError(failed)).toContain("22P02");
  expect(JSON.stringify(failed) + String(failed)).not.toContain("canary");
});

test("tells a database that is away from a mistake", async () => {
  const database = await createTestDatabase();
  const away = openQuerySource({ databaseUrl: database.url, applicationName: "test" });
  await database.drop();
  const missing = await countConnections(away, {}).catch((error: unknown) => error);
  expect({ about: describeStoreError(missing), transient: isTransient(missing) }).toMatchObject({
    about: expect.stringContaining("3D000"),
    transient: false,
  });
  await away.close();
  const nowhere = openQuerySource({ databaseUrl: "postgresql://nobody@127.0.0.1:1/none", applicationName: "test" });
  expect(isTransient(await countConnections(nowhere, {}).catch((error: unknown) => error))).toBe(true);
  await nowhere.close();
});
