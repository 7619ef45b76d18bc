import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { PrismaClient } from "../../src/generated/client.ts";
import { claim, closeBreaker, takeProbe } from "../../src/index.ts";
import { openTestStore, type TestStore } from "../refresh/rows.ts";
import { breakerRows, databaseTime, MINUTE_MS, SECOND_MS } from "./breaker-rows.ts";

let { store, connect, close } = {} as TestStore;
let rows: ReturnType<typeof breakerRows>;
beforeAll(async () => {
  const opened = await openTestStore();
  ({ store, connect, close } = opened);
  rows = breakerRows(opened);
});
afterAll(() => close());
beforeEach(() => rows.clear());

const probe = () => takeProbe(store, { appId: "app", probeMs: 15 * SECOND_MS });
const trying = (connectionId: string) => ({ kind: "try", connectionId });
const claimOf = (ids: string[]) => claim(store, ids, { holder: "worker", leaseMs: 30 * SECOND_MS });
const openFor = async (breakerReason: string | null, probeInMs = 0) =>
  rows.app({ breakerState: "open", breakerReason, breakerProbeAt: await rows.ago(-probeInMs) });
const timeForTheNext = async () => rows.app({ breakerProbeAt: await rows.ago(0) });

async function countBlocked(): Promise<number> {
  const [row] = await store.prisma.$queryRaw<{ blocked: number }[]>`
    SELECT count(*)::int AS blocked FROM pg_stat_activity
    WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`;
  return row?.blocked ?? 0;
}

describe("a probe", () => {
  test("is one connection, made due, that alone may be claimed", async () => {
    await rows.refreshed("a", { dueInMs: 5 * MINUTE_MS });
    await rows.refreshed("b", { dueInMs: 6 * MINUTE_MS });
    await openFor("misconfigured");
    expect(await probe()).toEqual(trying("a"));
    await store.prisma.connection.update({ where: { id: "b" }, data: { dueAt: await rows.ago(SECOND_MS) } });
    const claims = await claimOf(["a", "b"]);
    expect(claims.map(({ connection, isProbe }) => [connection.id, isProbe])).toEqual([["a", true]]);
    const app = await rows.readApp();
    expect(app).toMatchObject({ breakerState: "half_open", breakerProbeId: "a" });
    expect((app.breakerProbeAt?.getTime() ?? 0) - (await databaseTime(store))).toBeGreaterThan(14 * SECOND_MS);
  });

  test("waits for its time, and does not change the time since which the breaker is open", async () => {
    await rows.refreshed("a");
    await openFor("misconfigured", MINUTE_MS);
    const breakerChangedAt = await rows.ago(MINUTE_MS);
    await rows.app({ breakerChangedAt });
    expect(await probe()).toEqual({ kind: "wait" });
    await timeForTheNext();
    expect(await probe()).toEqual(trying("a"));
    expect((await rows.readApp()).breakerChangedAt).toEqual(breakerChangedAt);
  });

  test("is named again as long as it is on its way: a queue may have lost it", async () => {
    await rows.refreshed("a");
    await rows.refreshed("b");
    await openFor("misconfigured");
    const first = await probe();
    expect([await probe(), await probe()]).toEqual([first, first]);
  });

  test("is the same for all schedulers that ask at once", async () => {
    for (const id of ["a", "b", "c", "d"]) await rows.refused(id);
    await openFor("rejections");
    const answers = await Promise.all(Array.from({ length: 8 }, probe));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });

  test("follows on one whose worker died, after a period, with another connection", async () => {
    await rows.refreshed("a", { dueInMs: -2 * SECOND_MS });
    await rows.refreshed("b", { dueInMs: -SECOND_MS });
    await openFor("misconfigured");
    await probe();
    await claimOf(["a"]);
    await timeForTheNext();
    expect(await probe()).toEqual(trying("b"));
  });

  test("waits while everything is in flight, and is not lost by that", async () => {
    await rows.refreshed("a", { dueInMs: -SECOND_MS });
    await claimOf(["a"]);
    await openFor("misconfigured");
    expect(await probe()).toEqual({ kind: "wait" });
    expect(await rows.readApp()).toMatchObject({ breakerState: "open", breakerProbeId: null });
    await store.prisma.refreshIntent.deleteMany();
    await timeForTheNext();
    expect(await probe()).toEqual(trying("a"));
  });

  test.each(["misconfigured", "rejections"])("is not one whose row somebody holds (%s)", async (reason) => {
    await rows.refused("a", { dueInMs: -2 * SECOND_MS });
    await rows.refused("b", { dueInMs: -SECOND_MS });
    await openFor(reason);
    await store.prisma.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM connection WHERE id = 'a' FOR UPDATE`;
      expect(await probe()).toEqual(trying("b"));
    });
  });

  test("never is a connection without tokens, one that has ended, or one that nobody schedules", async () => {
    await rows.refreshed("no-tokens", { dueInMs: -3 * SECOND_MS });
    await store.prisma.tokenSet.delete({ where: { connectionId: "no-tokens" } });
    await rows.refreshed("ended", { dueInMs: -3 * SECOND_MS });
    await store.prisma.connection.update({ where: { id: "ended" }, data: { state: "needs_reauth", dueAt: null } });
    await rows.refreshed("off");
    await store.prisma.connection.update({ where: { id: "off" }, data: { mode: "off", dueAt: null } });
    await rows.refreshed("good");
    await openFor("misconfigured");
    expect(await probe()).toEqual(trying("good"));
  });

  test("has nobody to try in an app without such connections", async () => {
    await openFor("misconfigured");
    expect(await probe()).toEqual({ kind: "nobody" });
  });

  test("that is taken while an operator closes the breaker does not open it again", async () => {
    await rows.refreshed("a");
    await openFor("misconfigured");
    let taking: ReturnType<typeof takeProbe> | undefined;
    await store.prisma.$transaction(async (tx) => {
      await closeBreaker({ prisma: tx as unknown as PrismaClient }, { appId: "app", by: "operator" });
      taking = probe();
      await vi.waitFor(async () => expect(await countBlocked()).toBe(1), { timeout: 5_000, interval: 10 });
    });
    expect(await taking).toEqual({ kind: "closed" });
    expect(await rows.readApp()).toMatchObject({ breakerState: "closed", breakerProbeId: null });
  });

  test("is not made for a breaker that is closed, nor for an app that is gone", async () => {
    await rows.refreshed("a");
    expect(await probe()).toEqual({ kind: "closed" });
    expect(await takeProbe(store, { appId: "gone", probeMs: 1 })).toEqual({ kind: "closed" });
  });
});

describe("after an app's own fault", () => {
  test.each(["misconfigured", null])("is the connection due first (reason %s)", async (reason) => {
    await rows.misconfigured("refused-just-now", { dueInMs: 5 * SECOND_MS });
    await rows.refreshed("held", { dueInMs: -MINUTE_MS });
    await openFor(reason);
    expect(await probe()).toEqual(trying("held"));
  });

  test("imports that never worked come after all that did: they may be at fault themselves", async () => {
    await rows.misconfigured("never-worked", { dueInMs: -MINUTE_MS, refreshedBefore: false });
    await rows.refreshed("worked", { dueInMs: 20 * MINUTE_MS });
    await openFor("misconfigured");
    expect(await probe()).toEqual(trying("worked"));
  });

  test("an app that has nothing else probes what never worked", async () => {
    await connect("new");
    await openFor("misconfigured");
    expect(await probe()).toEqual(trying("new"));
  });
});

describe("after a wave of rejections", () => {
  test("is a refused connection, each in its turn", async () => {
    await rows.refreshed("healthy", { dueInMs: -MINUTE_MS });
    await rows.refused("tried-later", { agoMs: MINUTE_MS, triedAgoMs: SECOND_MS });
    await rows.refused("tried-first", { agoMs: SECOND_MS, triedAgoMs: MINUTE_MS });
    await openFor("rejections");
    expect(await probe()).toEqual(trying("tried-first"));
    await store.prisma.connection.update({ where: { id: "tried-first" }, data: { lastAttemptAt: new Date() } });
    await timeForTheNext();
    expect(await probe()).toEqual(trying("tried-later"));
  });

  test("is none of those whose leaving an operator has accepted", async () => {
    await rows.refused("left", { agoMs: SECOND_MS });
    await store.prisma.connection.updateMany({ data: { createdAt: await rows.ago(MINUTE_MS) } });
    await rows.app({ breakerAcceptedAt: await rows.ago(0) });
    await openFor("rejections");
    expect(await probe()).toEqual({ kind: "nobody" });
  });
});
