import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { claim } from "../../src/refresh/claim.ts";
import { settle } from "../../src/refresh/settle.ts";
import { makeDue, successOf } from "../refresh/rows.ts";
import { endGrant, type ImportStore, line, openImportStore, readStored } from "./import-store.ts";

let bench: ImportStore;
beforeAll(async () => {
  bench = await openImportStore();
});
afterAll(() => bench.close());
beforeEach(async () => {
  await bench.store.prisma.connection.deleteMany();
  await bench.store.prisma.refreshEvent.deleteMany();
});

async function claimOne(id: string) {
  await makeDue(bench.store);
  const [claimed] = await claim(bench.store, [id], { holder: "worker", leaseMs: 30_000 });
  if (claimed === undefined) throw new Error(`${id} could not be claimed`);
  return claimed;
}

test("a refresh in flight when its grant is replaced cannot overwrite the new token", async () => {
  await bench.run([line("a", "refresh-a")]);
  const inFlight = await claimOne("a");
  expect(await bench.run([line("a", "refresh-2")], { replace: true })).toEqual(["replaced"]);

  expect(await settle(bench.store, [successOf(inFlight)], "worker")).toEqual(["stale"]);
  const stored = await readStored(bench, "a");
  expect(stored).toMatchObject({ refreshToken: "refresh-2", generation: 2, intent: null });
  // What came for the old grant is kept all the same.
  expect(stored.candidates).toMatchObject([{ generation: 1 }]);
});

test("a connection that was reconnected can be refreshed at once, whoever held its old grant", async () => {
  await bench.run([line("a", "refresh-a")]);
  await claimOne("a");
  await endGrant(bench, "a");
  await bench.run([line("a", "refresh-2")]);
  expect((await claimOne("a")).generation).toBe(2);
});

test("replacing while refreshes are claimed and settled leaves each connection with exactly one truth", async () => {
  const ids = Array.from({ length: 50 }, (_, index) => `c-${String(index).padStart(2, "0")}`);
  await bench.run(ids.map((id) => line(id, `${id}-0`)));
  const refreshing = Array.from({ length: 20 }, async () => {
    const claims = await claim(bench.store, ids, { holder: "worker", leaseMs: 30_000 });
    return settle(
      bench.store,
      claims.map((claimed) => successOf(claimed, { dueAt: claimed.claimedAt })),
      "worker",
    );
  });
  const replacing = Array.from({ length: 10 }, (_, round) =>
    // Each in another order: locks are taken by id, not by line.
    bench.run(
      (round % 2 === 0 ? ids : ids.toReversed()).map((id) => line(id, `${id}-new-${round}`)),
      { replace: true },
    ),
  );
  const settled = (await Promise.all(refreshing)).flat().filter((result) => result === "settled").length;
  const replaced = (await Promise.all(replacing)).flat();
  expect(new Set(replaced)).toEqual(new Set(["replaced"]));

  const rows = await bench.store.prisma.tokenSet.findMany({ orderBy: { connectionId: "asc" } });
  const generations = rows.reduce((sum, row) => sum + row.generation, 0);
  expect(generations).toBe(ids.length + settled + replaced.length);
});

test("two importers of the same file store each connection once and agree on every line", async () => {
  const lines = Array.from({ length: 300 }, (_, index) => line(`c-${index}`, `refresh-${index}`));
  const both = await Promise.all([bench.run(lines), bench.run(lines.toReversed())]);
  const outcomes = both.flat().toSorted();
  expect(outcomes).toEqual([...Array(300).fill("imported"), ...Array(300).fill("unchanged")]);
  expect(await bench.store.prisma.refreshEvent.count({ where: { kind: "imported" } })).toBe(300);
});

test("two importers of one token under different ids store it once", async () => {
  const tokens = Array.from({ length: 100 }, (_, index) => `shared-${index}`);
  const results = await Promise.all([
    bench.run(tokens.map((token, index) => line(`a-${index}`, token))),
    bench.run(tokens.map((token, index) => line(`b-${index}`, token))),
  ]);
  expect(results.flat().filter((result) => result === "imported")).toHaveLength(100);
  expect(await bench.store.prisma.connection.count()).toBe(100);
});
