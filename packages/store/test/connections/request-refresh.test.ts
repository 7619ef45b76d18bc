import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { requestRefresh } from "../../src/connections/request-refresh.ts";
import type { PrismaClient } from "../../src/generated/client.ts";
import { claim } from "../../src/refresh/claim.ts";
import { settle } from "../../src/refresh/settle.ts";
import { addApp, failureOf, killLeases, openTestStore, successOf, type TestStore } from "../refresh/rows.ts";

const IN_AN_HOUR_MS = 3_600_000;

let { store, connect, close } = {} as TestStore;
beforeAll(async () => {
  ({ store, connect, close } = await openTestStore());
  await addApp(store, "held");
  await store.prisma.oAuthApp.update({ where: { id: "held" }, data: { breakerState: "open" } });
});
afterAll(() => close());
beforeEach(async () => {
  await store.prisma.connection.deleteMany();
});

const verdicts = async (ids: string[], maxAgeMs?: number) => {
  const tickets = await requestRefresh(store, ids, maxAgeMs === undefined ? {} : { maxAgeMs });
  return Object.fromEntries(tickets.map((ticket) => [ticket.id, ticket.verdict]));
};
const claimAll = (ids: string[]) => claim(store, ids, { holder: "worker", leaseMs: 30_000 });
const refresh = async (ids: string[]) =>
  settle(
    store,
    (await claimAll(ids)).map((item) => successOf(item)),
    "worker",
  );

describe("a request", () => {
  test("makes a connection due that was not, so that a worker may claim it", async () => {
    await connect("a", { dueInMs: IN_AN_HOUR_MS });
    expect(await claimAll(["a"])).toEqual([]);
    expect(await verdicts(["a"])).toEqual({ a: "due" });
    expect(await claimAll(["a"])).toHaveLength(1);
  });

  test("reaches a connection that nobody schedules", async () => {
    await connect("a");
    await store.prisma.connection.update({ where: { id: "a" }, data: { mode: "off", dueAt: null } });
    expect(await verdicts(["a"])).toEqual({ a: "due" });
    expect(await claimAll(["a"])).toHaveLength(1);
  });

  test("never puts off what was due before", async () => {
    await connect("a", { dueInMs: -IN_AN_HOUR_MS });
    const before = await store.prisma.connection.findUniqueOrThrow({ where: { id: "a" } });
    await verdicts(["a"]);
    expect((await store.prisma.connection.findUniqueOrThrow({ where: { id: "a" } })).dueAt).toEqual(before.dueAt);
  });

  test("is answered by the refresh in flight, unless its lease has died", async () => {
    await connect("a");
    await claimAll(["a"]);
    expect(await verdicts(["a"], 0)).toEqual({ a: "joined" });
    await killLeases(store);
    expect(await verdicts(["a"])).toEqual({ a: "due" });
  });

  test("is answered by a refresh of a moment ago, unless a new one is asked for", async () => {
    await connect("a");
    await refresh(["a"]);
    expect(await verdicts(["a"])).toEqual({ a: "fresh" });
    expect(await claimAll(["a"])).toEqual([]);
    expect(await verdicts(["a"], 0)).toEqual({ a: "due" });
  });

  test("is not answered by an attempt that failed", async () => {
    await connect("a");
    await refresh(["a"]);
    await verdicts(["a"], 0);
    const failed = await claimAll(["a"]);
    await settle(
      store,
      failed.map((item) => failureOf(item, { failures: 1, dueAt: Date.now() + IN_AN_HOUR_MS })),
      "worker",
    );
    expect(await verdicts(["a"])).toEqual({ a: "due" });
  });

  test("is refused where no refresh would be made, each with its own reason, and changes nothing there", async () => {
    await connect("dead");
    await store.prisma.connection.update({ where: { id: "dead" }, data: { state: "needs_reauth", dueAt: null } });
    await connect("braked", { appId: "held", dueInMs: IN_AN_HOUR_MS });
    await connect("good", { dueInMs: IN_AN_HOUR_MS });
    const before = await store.prisma.connection.findMany({ where: { id: { not: "good" } }, orderBy: { id: "asc" } });
    expect(await verdicts(["dead", "braked", "missing", "good", "good"])).toEqual({
      dead: "needs_reauth",
      braked: "held",
      missing: "unknown",
      good: "due",
    });
    const after = await store.prisma.connection.findMany({ where: { id: { not: "good" } }, orderBy: { id: "asc" } });
    expect(after).toEqual(before);
  });
});

test("many requests for one connection, while it is refreshed, cause one refresh", async () => {
  await connect("a", { dueInMs: IN_AN_HOUR_MS });
  const claims = await Promise.all(
    Array.from({ length: 20 }, async () => {
      await verdicts(["a"]);
      const claimed = await claimAll(["a"]);
      await settle(
        store,
        claimed.map((item) => successOf(item)),
        "worker",
      );
      return claimed.length;
    }),
  );
  expect(claims.reduce((sum, count) => sum + count, 0)).toBe(1);
});

test("a request that begins while a refresh is claimed and ends after it is answered by it, forced or not", async () => {
  await connect("a");
  let request: ReturnType<typeof requestRefresh> | undefined;
  await store.prisma.$transaction(async (tx) => {
    const inside = { prisma: tx as unknown as PrismaClient };
    const claimed = await claim(inside, ["a"], { holder: "worker", leaseMs: 30_000 });
    request = requestRefresh(store, ["a"], { maxAgeMs: 0 });
    await vi.waitFor(async () => expect(await countBlocked()).toBe(1), { timeout: 5_000, interval: 10 });
    const dueAt = Date.now() + IN_AN_HOUR_MS;
    await settle(
      inside,
      claimed.map((item) => successOf(item, { dueAt })),
      "worker",
    );
  });
  expect(await request).toMatchObject([{ verdict: "fresh" }]);
  expect(await claimAll(["a"])).toEqual([]);
});

async function countBlocked(): Promise<number> {
  const [row] = await store.prisma.$queryRaw<{ blocked: number }[]>`
    SELECT count(*)::int AS blocked FROM pg_stat_activity
    WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`;
  return row?.blocked ?? 0;
}

test("requests in any order never block each other for good", async () => {
  const ids = Array.from({ length: 100 }, (_, index) => `c-${index}`);
  await Promise.all(ids.map((id) => connect(id, { dueInMs: IN_AN_HOUR_MS })));
  const crossing = Array.from({ length: 10 }, (_, round) => verdicts(round % 2 === 0 ? ids : ids.toReversed(), 0));
  const refreshing = Array.from({ length: 10 }, () => refresh(ids));
  for (const found of await Promise.all(crossing)) expect(Object.keys(found)).toHaveLength(100);
  await Promise.all(refreshing);
});
