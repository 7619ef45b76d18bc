import { createTestDatabase, type TestDatabase } from "@evergrant/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openStore, type Store } from "../../src/client.ts";
import { readFleet } from "../../src/reports/fleet-report.ts";
import { readOnlySnapshot } from "../../src/reports/read-only-snapshot.ts";
import { reportRows } from "./report-rows.ts";

let database: TestDatabase;
let store: Store;

beforeEach(async () => {
  database = await createTestDatabase();
  store = openStore({ databaseUrl: database.url, applicationName: "reports test", poolSize: 3 });
});
afterEach(async () => {
  await store.close();
  await database.drop();
});

test("a report shows one moment: what is written while it reads is not half in it", async () => {
  const rows = reportRows(store);
  await rows.app("xero");

  const reports = await readOnlySnapshot(store, 5_000, async (snapshot) => {
    const before = await readFleet(snapshot);
    await rows.connection("xero");
    await rows.tally("xero", 0, { refreshes: 1n });
    return [before, await readFleet(snapshot)];
  });

  expect(reports[1]).toEqual(reports[0]);
  expect(await readOnlySnapshot(store, 5_000, readFleet)).not.toEqual(reports[0]);
});

test("a report cannot write", async () => {
  const writing = readOnlySnapshot(
    store,
    5_000,
    (snapshot) => snapshot.$queryRaw`INSERT INTO refresh_event (app_id, connection_id, kind) VALUES ('a', 'b', 'c')`,
  );
  await expect(writing).rejects.toThrow(/read-only transaction|25006/);
});

test("the server ends a report that takes too long, and the next one is not held up", async () => {
  const startedAt = performance.now();
  await expect(
    readOnlySnapshot(store, 300, (snapshot) => snapshot.$queryRaw`SELECT pg_sleep(20)::text`),
  ).rejects.toThrow();
  expect(performance.now() - startedAt).toBeLessThan(5_000);

  await expect
    .poll(
      async () => {
        const [row] = await store.prisma.$queryRaw<{ left: number }[]>`
          SELECT count(*)::int AS left FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'
            AND datname = current_database()`;
        return row?.left;
      },
      { timeout: 5_000 },
    )
    .toBe(0);
  expect((await readOnlySnapshot(store, 5_000, readFleet)).apps).toEqual([]);
});
