import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { claim, isLeaseAlive, renewLeases, settle } from "../../src/index.ts";
import { addApp, killLeases, makeDue, openTestStore, successOf, type TestStore, textOf, tokenText } from "./rows.ts";

let { store, connect, reopen, close } = {} as TestStore;
beforeAll(async () => {
  ({ store, connect, reopen, close } = await openTestStore());
});
afterAll(() => close());
beforeEach(() => store.prisma.connection.deleteMany());

const claimAll = (ids: string[], holder = "one") => claim(store, ids, { holder, leaseMs: 30_000 });
const idsOf = (claims: Awaited<ReturnType<typeof claim>>) => claims.map((item) => item.connection.id).sort();

describe("a claim", () => {
  test("brings the token, its generation and the schedule of each due connection, and leaves an intent", async () => {
    await connect("a");
    await connect("b");
    const claims = await claimAll(["a", "b", "unknown"]);
    expect(idsOf(claims)).toEqual(["a", "b"]);
    const [first] = claims.sort((one, two) => one.connection.id.localeCompare(two.connection.id));
    expect(first).toMatchObject({
      appId: "app",
      generation: 1,
      unsettledSince: null,
      connection: { mode: "fresh", strikes: 0 },
    });
    expect(textOf(first?.refreshToken)).toBe(tokenText("a", 1));
    expect(Math.abs((first?.claimedAt ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(await store.prisma.refreshIntent.count()).toBe(2);
  });

  test("made by twenty at once is granted to one", async () => {
    const ids = Array.from({ length: 50 }, (_, index) => `c${index}`);
    for (const id of ids) await connect(id);
    const all = await Promise.all(Array.from({ length: 20 }, (_, index) => claimAll(ids, `holder-${index}`)));
    expect(idsOf(all.flat())).toEqual([...ids].sort());
  });

  test("passes over a connection that is not due yet", async () => {
    await connect("a", { dueInMs: 60_000 });
    expect(await claimAll(["a"])).toEqual([]);
  });

  test("of a connection that needs re-authorization cannot be asked for: the database refuses to make it due", async () => {
    await expect(connect("a", { state: "needs_reauth" })).rejects.toThrow("connection_due_only_when_wanted");
  });

  test("passes over an app whose breaker is not closed", async () => {
    await addApp(store, "broken");
    await store.prisma.oAuthApp.update({ where: { id: "broken" }, data: { breakerState: "open" } });
    await connect("a", { appId: "broken" });
    expect(await claimAll(["a"])).toEqual([]);
  });

  test("takes over when the lease has died, and says since when the outcome is unknown", async () => {
    await connect("a");
    const [lost] = await claimAll(["a"]);
    expect(await claimAll(["a"], "two")).toEqual([]);
    await killLeases(store);
    const [taken] = await claimAll(["a"], "two");
    expect(taken?.intentId).not.toBe(lost?.intentId);
    expect(taken?.unsettledSince).toBe((lost?.claimedAt ?? 0) - 10);
    expect(taken?.connection.unknownSince).toBe(taken?.unsettledSince);
  });

  test("takes nothing over while its own process has just seen the database in trouble", async () => {
    await connect("a");
    await claimAll(["a"]);
    await killLeases(store);
    const options = { holder: "two", leaseMs: 30_000 };
    expect(await claim(store, ["a"], { ...options, mayTakeOver: false })).toEqual([]);
    expect(await claim(store, ["a"], { ...options, mayTakeOver: true })).toHaveLength(1);
  });

  test("from before a restart of the database is left to its holder for the time of a lease", async () => {
    await connect("a");
    await claimAll(["a"]);
    await killLeases(store);
    await store.prisma.$executeRaw`UPDATE refresh_intent SET claimed_at = pg_postmaster_start_time() - interval '1 s'`;
    // This server has been up for less than an hour, and for more than a millisecond.
    expect(await claim(store, ["a"], { holder: "two", leaseMs: 3_600_000 })).toEqual([]);
    expect(await claim(store, ["a"], { holder: "two", leaseMs: 1 })).toHaveLength(1);
  });

  test("that began before another's settle committed brings what that one stored, not what it saw at first", async () => {
    await connect("a");
    const [first] = await claimAll(["a"]);
    if (first === undefined) throw new Error("not claimed");
    // A session in which looking at the clock waits for us: its statement has begun, its locks are not taken.
    await store.prisma
      .$executeRaw`CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN pg_catalog.clock_timestamp(); END $$`;
    const slow = reopen("search_path=public,pg_catalog");
    try {
      const brought = await store.prisma.$transaction(async (gate) => {
        await gate.$executeRaw`SELECT pg_advisory_xact_lock(42)`;
        const second = claim(slow, ["a"], { holder: "two", leaseMs: 30_000 });
        await waitUntilBlocked();
        await settle(store, [successOf(first, { dueAt: first.claimedAt - 1 })], "one");
        return { second };
      });
      const [item] = await brought.second;
      expect(item).toMatchObject({ generation: 2 });
      expect(textOf(item?.refreshToken)).toBe(tokenText("a", 2));
    } finally {
      await slow.close();
      await store.prisma.$executeRaw`DROP FUNCTION public.clock_timestamp()`;
    }
  });

  test("never brings a generation that is no longer the latest, however claims, settles and requests cross", async () => {
    const ids = Array.from({ length: 20 }, (_, index) => `c${index}`);
    for (const id of ids) await connect(id);
    const presented = new Set<string>();
    const refreshFor = async (holder: string) => {
      for (let round = 0; round < 40; round++) {
        const claims = await claimAll(ids, holder);
        for (const item of claims) {
          const token = textOf(item.refreshToken);
          expect(token).toBe(tokenText(item.connection.id, item.generation));
          expect(presented.has(token), `${token} presented twice`).toBe(false);
          presented.add(token);
        }
        await settle(
          store,
          claims.map((item) => successOf(item, { dueAt: item.claimedAt - 1 })),
          holder,
        );
      }
    };
    await Promise.all(["one", "two", "three", "four"].map(refreshFor));
    expect(presented.size).toBeGreaterThan(100);
  });
});

async function waitUntilBlocked(): Promise<void> {
  for (;;) {
    const rows = await store.prisma.$queryRaw<
      unknown[]
    >`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`;
    if (rows.length > 0) return;
  }
}

describe("a lease", () => {
  test("is renewed while its intent is ours, and reported lost when another took over", async () => {
    await connect("a");
    const [mine] = await claimAll(["a"]);
    const lease = { connectionId: "a", intentId: mine?.intentId ?? "" };
    const ours = new Set([lease.intentId]);
    expect(await renewLeases(store, [lease], 30_000)).toEqual(ours);
    expect(await isLeaseAlive(store, lease, 1_000)).toBe(true);
    expect(await isLeaseAlive(store, lease, 4_000 / 3)).toBe(true);
    await killLeases(store);
    // Late but not taken over: still ours.
    expect(await isLeaseAlive(store, lease, 0)).toBe(false);
    expect(await renewLeases(store, [lease], 30_000)).toEqual(ours);
    await killLeases(store);
    await claimAll(["a"], "two");
    expect(await renewLeases(store, [lease], 30_000)).toEqual(new Set());
    expect(await isLeaseAlive(store, lease, 0)).toBe(false);
  });

  test("renewal in one order never deadlocks with settles in another", async () => {
    const ids = Array.from({ length: 100 }, (_, index) => `c${index}`);
    for (const id of ids) await connect(id);
    for (let round = 0; round < 5; round++) {
      const claims = await claimAll(ids);
      expect(claims).toHaveLength(100);
      const leases = claims.map(({ connection, intentId }) => ({ connectionId: connection.id, intentId }));
      await Promise.all([
        renewLeases(store, leases.toReversed(), 30_000),
        settle(
          store,
          claims.slice(0, 50).map((item) => successOf(item)),
          "one",
        ),
        settle(
          store,
          claims
            .slice(50)
            .toReversed()
            .map((item) => successOf(item)),
          "two",
        ),
      ]);
      await makeDue(store);
    }
  });
});
