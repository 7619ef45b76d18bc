import { createTestDatabase, type TestDatabase } from "@evergrant/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openStore, type Store } from "../../src/client.ts";
import { readStatusReport } from "../../src/reports/index.ts";
import { HOUR_MS, MINUTE_MS, reportRows } from "./report-rows.ts";

let database: TestDatabase;
let store: Store;
let rows: ReturnType<typeof reportRows>;

beforeEach(async () => {
  database = await createTestDatabase();
  store = openStore({ databaseUrl: database.url, applicationName: "reports test", poolSize: 3 });
  rows = reportRows(store);
  await rows.app("xero");
});
afterEach(async () => {
  await store.close();
  await database.drop();
});

const read = () => readStatusReport(store, { timeoutMs: 5_000 });

/** A minute that passes between writing and reading would move a row out of its window. */
async function atTheBeginningOfAMinute(): Promise<void> {
  await expect
    .poll(async () => (await rows.now()) % MINUTE_MS, { timeout: 15_000, interval: 200 })
    .toBeLessThan(50_000);
}

test("the last hour and the last day count the minutes of the clock, the current one included", async () => {
  await atTheBeginningOfAMinute();
  await rows.tally("xero", 0, { refreshes: 1n, latenessMsSum: 100n, latenessMsMax: 90, process: "a" });
  await rows.tally("xero", 0, { refreshes: 2n, latenessMsSum: 200n, latenessMsMax: 150, process: "b" });
  await rows.tally("xero", 59 * MINUTE_MS, { refreshes: 4n, latenessMsSum: 400n, latenessMsMax: 120 });
  await rows.tally("xero", 60 * MINUTE_MS, { refreshes: 8n, latenessMsSum: 800n, latenessMsMax: 9_000 });
  await rows.tally("xero", 24 * HOUR_MS - MINUTE_MS, { refreshes: 16n });
  await rows.tally("xero", 24 * HOUR_MS, { refreshes: 32n });
  await rows.tally("xero", 90 * MINUTE_MS, { outcome: "rejected", cause: "unexplained", refreshes: 3n });

  expect((await read()).activity).toEqual([
    { appId: "xero", outcome: "rejected", lastHour: 0, lastDay: 3, latenessMsSum: 0, latenessMsMax: 0 },
    { appId: "xero", outcome: "rotated", lastHour: 7, lastDay: 31, latenessMsSum: 700, latenessMsMax: 150 },
  ]);
});

test("every one of the last 60 minutes is there, in order, what failed apart from what was refused", async () => {
  await atTheBeginningOfAMinute();
  await rows.app("quickbooks", { provider: "quickbooks" });
  await rows.tally("xero", 0, { refreshes: 5n });
  await rows.tally("quickbooks", 0, { outcome: "renewed", refreshes: 2n });
  await rows.tally("xero", 0, { outcome: "rejected", cause: "unexplained", refreshes: 3n });
  await rows.tally("xero", 0, { outcome: "ambiguous", refreshes: 1n });
  await rows.tally("xero", 0, { outcome: "throttled", refreshes: 1n });
  await rows.tally("xero", 59 * MINUTE_MS, { refreshes: 9n });
  await rows.tally("xero", 60 * MINUTE_MS, { refreshes: 1_000n });

  const { minutes } = await read();
  expect(minutes).toHaveLength(60);
  expect(minutes.at(-1)).toMatchObject({ succeeded: 7, rejected: 3, failed: 2 });
  expect(minutes[0]).toMatchObject({ succeeded: 9, rejected: 0, failed: 0 });
  expect(minutes.slice(1, -1).every((minute) => minute.succeeded + minute.rejected + minute.failed === 0)).toBe(true);
  const steps = minutes.slice(1).map((minute, index) => minute.at.getTime() - (minutes[index]?.at.getTime() ?? 0));
  expect(new Set(steps)).toEqual(new Set([MINUTE_MS]));
});

test("of the connections that need re-authorization the newest 50 are named and all are counted", async () => {
  const now = Math.floor(await rows.now());
  for (let index = 0; index < 53; index += 1) {
    await rows.connection("xero", {
      id: `ended-${index}`,
      customer: `customer ${index}`,
      state: "needs_reauth",
      stateReason: "inactivity",
      stateChangedAt: new Date(now - index * 1_000),
    });
  }
  await rows.connection("xero", { id: "alive" });

  const { toReauthorize, apps } = await read();
  expect(toReauthorize.map((row) => row.connectionId)).toEqual(
    Array.from({ length: 50 }, (_, index) => `ended-${index}`),
  );
  expect(toReauthorize[1]).toEqual({
    connectionId: "ended-1",
    customer: "customer 1",
    appId: "xero",
    since: new Date(now - 1_000),
    cause: "inactivity",
  });
  expect(apps[0]?.connections.find(({ state }) => state === "needs_reauth")?.connections).toBe(53);
});

test("the newest 20 failures are told with what the provider said, other events are not", async () => {
  const id = await rows.connection("xero", { customer: "Acme" });
  for (let index = 0; index < 22; index += 1) await rows.failure(id, "xero", { reason: `reason-${index}` });
  const evidence = { status: 400, requestId: "1-5f", error: "invalid_grant", errorDescription: "Token invalid" };
  await rows.failure(id, "xero", { outcome: "rejected", reason: "invalid_grant", cause: "lost_answer", evidence });
  await store.prisma.refreshEvent.create({ data: { appId: "xero", connectionId: id, kind: "imported" } });

  const { failures } = await read();
  expect(failures).toHaveLength(20);
  expect(failures[0]).toEqual({
    at: expect.any(Date),
    connectionId: id,
    customer: "Acme",
    appId: "xero",
    outcome: "rejected",
    reason: "invalid_grant",
    cause: "lost_answer",
    status: 400,
    description: "Token invalid",
    requestId: "1-5f",
  });
  expect(failures[1]?.reason).toBe("reason-21");
});

test("a failure without an answer, without a known form or without its connection is told all the same", async () => {
  await rows.failure("removed", "xero", {
    evidence: { status: null, requestId: null, error: null, errorDescription: null },
  });
  await store.prisma.refreshEvent.create({ data: { appId: "xero", connectionId: "odd", kind: "refresh_failed" } });

  const [odd, removed] = (await read()).failures;
  expect(odd).toMatchObject({ connectionId: "odd", outcome: "unknown", reason: null, status: null });
  expect(removed).toMatchObject({ connectionId: "removed", customer: null, outcome: "unavailable", status: null });
});
