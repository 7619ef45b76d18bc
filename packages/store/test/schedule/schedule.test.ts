import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Prisma } from "../../src/generated/client.ts";
import { compactTally, readAppSchedules, readDue, saveCursor } from "../../src/index.ts";
import { openTestStore, type TestStore } from "../refresh/rows.ts";

let { store, connect, close } = {} as TestStore;
beforeAll(async () => {
  ({ store, connect, close } = await openTestStore());
});
afterAll(() => close());
beforeEach(async () => {
  await store.prisma.connection.deleteMany();
  await store.prisma.refreshTally.deleteMany();
});

describe("due connections", () => {
  test("come longest due first, page by page, each once", async () => {
    for (let index = 0; index < 10; index++) await connect(`c${index}`, { dueInMs: -1_000 * (10 - index) });
    await connect("later", { dueInMs: 60_000 });
    const seen: string[] = [];
    let after = null as Awaited<ReturnType<typeof readDue>>[number] | null;
    for (;;) {
      const page = await readDue(store, { appId: "app", after, limit: 3 });
      seen.push(...page.map((row) => row.connectionId));
      after = page.at(-1) ?? after;
      if (page.length < 3) break;
    }
    expect(seen).toEqual(Array.from({ length: 10 }, (_, index) => `c${index}`));
  });

  test("are found without looking at those that are not due", async () => {
    await store.prisma.$executeRaw`
      INSERT INTO connection (id, app_id, mode, due_at)
      SELECT 'later-' || n, 'app', 'fresh', now() + n * interval '1 min' FROM generate_series(1, 5000) n`;
    for (const id of ["a", "b", "c"]) await connect(id);
    await store.prisma.$executeRaw`ANALYZE connection`;
    let plan = "";
    const explaining = {
      $queryRaw: async (text: TemplateStringsArray, ...values: unknown[]) => {
        const [first = "", ...rest] = text;
        const query = Prisma.sql([`EXPLAIN (ANALYZE, COSTS OFF) ${first}`, ...rest], ...values);
        const rows = await store.prisma.$queryRaw<Record<string, string>[]>(query);
        plan = rows.map((row) => Object.values(row)[0]).join("\n");
        return [];
      },
    };
    await readDue({ prisma: explaining as never }, { appId: "app", after: null, limit: 500 });
    expect(plan).toContain("Index Cond");
    expect(plan).not.toContain("Rows Removed by Filter");
  });

  test("with times that no clock has are offered like others", async () => {
    for (const id of ["damaged", "sound"]) await connect(id);
    await store.prisma.$executeRaw`
      UPDATE connection SET access_token_expires_at = 'infinity', grant_expires_at = '-infinity'
      WHERE id = 'damaged'`;
    const rows = await readDue(store, { appId: "app", after: null, limit: 9 });
    expect(rows.map((row) => row.connectionId)).toEqual(["damaged", "sound"]);
    expect(rows[0]).toMatchObject({ accessTokenExpiresAt: null, grantExpiresAt: null });
  });

  test("with the same due time are told apart by id", async () => {
    for (const id of ["b", "a", "c"]) await connect(id);
    await store.prisma.connection.updateMany({ data: { dueAt: new Date(Date.now() - 5_000) } });
    const [first] = await readDue(store, { appId: "app", after: null, limit: 1 });
    expect(first?.connectionId).toBe("a");
    const rest = await readDue(store, { appId: "app", after: first ?? null, limit: 9 });
    expect(rest.map((row) => row.connectionId)).toEqual(["b", "c"]);
  });
});

test("a cursor is kept, and only a sweep renews the time of the last sweep", async () => {
  const cursor = { dueAt: Date.UTC(2026, 10, 1), connectionId: "a" };
  await saveCursor(store, { appId: "app", cursor, swept: true });
  const [first] = await readAppSchedules(store);
  await saveCursor(store, { appId: "app", cursor: null, swept: false });
  const [second] = await readAppSchedules(store);
  expect(first).toMatchObject({ appId: "app", breakerClosed: true, cursor });
  expect(second).toMatchObject({ cursor: null, sweptAt: first?.sweptAt });
});

describe("the tally", () => {
  const sums = async () => {
    const { _sum } = await store.prisma.refreshTally.aggregate({
      _sum: { refreshes: true, durationMsSum: true, latenessMsSum: true },
    });
    return _sum;
  };

  test("merged into hours keeps every sum, the greatest lateness and recent minutes", async () => {
    const minute = (hour: number, at: number) => new Date(Date.UTC(2026, 0, 1, hour, at));
    const row = { appId: "app", outcome: "rotated", durationMsSum: 10n, latenessMsSum: 5n, latenessMsMax: 7 };
    for (let at = 0; at < 60; at++) {
      await store.prisma.refreshTally.create({
        data: { ...row, bucketAt: minute(3, at), process: "p1", refreshes: 2n },
      });
      await store.prisma.refreshTally.create({
        data: { ...row, bucketAt: minute(3, at), process: "p2", refreshes: 1n, latenessMsMax: at },
      });
    }
    await store.prisma.refreshTally.create({ data: { ...row, bucketAt: new Date(), process: "p1", refreshes: 1n } });
    const before = await sums();
    await compactTally(store, 3_600_000);
    expect(await sums()).toEqual(before);
    expect(await store.prisma.refreshTally.count()).toBe(2);
    expect(await store.prisma.refreshTally.findFirst({ where: { process: "" } })).toMatchObject({
      refreshes: 180n,
      latenessMsMax: 59,
    });
    // A late minute joins the hour that is there already.
    await store.prisma.refreshTally.create({ data: { ...row, bucketAt: minute(3, 1), process: "p3", refreshes: 5n } });
    await Promise.all([compactTally(store, 3_600_000), compactTally(store, 3_600_000)]);
    expect((await sums()).refreshes).toBe(186n);
  });
});
