import { afterAll, beforeAll, expect, test } from "vitest";
import { type ImportStore, line, openImportStore } from "./import-store.ts";

let bench: ImportStore;
beforeAll(async () => {
  bench = await openImportStore();
});
afterAll(() => bench.close());

/** Sessions of this database that wait for a lock. */
async function waiting(): Promise<number> {
  const rows = await bench.store.prisma.$queryRaw<unknown[]>`
    SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  return rows.length;
}

test("an importer whose token another one is storing at this moment waits for it, and stores the token no second time", async () => {
  const { store, run } = bench;
  const { first, second } = await store.prisma.$transaction(async (gate) => {
    // The first has written the token and not committed: it wants to write its tenant.
    await gate.$executeRaw`LOCK TABLE tenant IN EXCLUSIVE MODE`;
    const first = run([line("a", "shared", { tenants: [{ id: "t", name: null }] })]);
    await expect.poll(waiting, { timeout: 10_000 }).toBe(1);
    const second = run([line("b", "shared")]);
    await expect.poll(waiting, { timeout: 10_000 }).toBe(2);
    return { first, second };
  });
  expect(await first).toEqual(["imported"]);
  expect(await second).toEqual(['rejected: this refresh token is already stored under connection "a"']);
  expect(await store.prisma.connection.findMany({ select: { id: true } })).toEqual([{ id: "a" }]);
});
