import { createTestDatabase, type TestDatabase } from "@evergrant/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore, type Store } from "../../src/client.ts";
import { type AppReport, readFleetReport } from "../../src/reports/index.ts";
import { compactTally } from "../../src/schedule/tally.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, reportRows } from "./report-rows.ts";

let database: TestDatabase;
let store: Store;
let rows: ReturnType<typeof reportRows>;

beforeEach(async () => {
  database = await createTestDatabase();
  store = openStore({ databaseUrl: database.url, applicationName: "reports test", poolSize: 3 });
  rows = reportRows(store);
});
afterEach(async () => {
  await store.close();
  await database.drop();
});

const read = () => readFleetReport(store, { timeoutMs: 5_000 });

async function readApp(appId: string): Promise<AppReport> {
  const app = (await read()).apps.find((candidate) => candidate.appId === appId);
  if (app === undefined) throw new Error(`${appId} is not in the report`);
  return app;
}

describe("totals of all time", () => {
  test("are the sum over processes, minutes and merged rows, to the last refresh", async () => {
    await rows.app("xero");
    const busy = { refreshes: 2n ** 40n, durationMsSum: 2n ** 41n, latenessMsSum: 7n };
    await rows.tally("xero", 0, { process: "worker-1", ...busy });
    await rows.tally("xero", 0, { process: "worker-2", refreshes: 3n, durationMsSum: 300n, latenessMsSum: 30n });
    await rows.tally("xero", 5 * MINUTE_MS, {
      process: "worker-1",
      refreshes: 10n,
      durationMsSum: 1n,
      latenessMsSum: 1n,
    });
    await rows.tally("xero", 400 * DAY_MS, { process: "", refreshes: 100n });
    await rows.tally("xero", 0, { process: "worker-1", outcome: "rejected", cause: "inactivity", refreshes: 5n });
    await rows.tally("xero", 0, { process: "worker-2", outcome: "rejected", cause: "unexplained", refreshes: 6n });

    expect((await readApp("xero")).outcomes).toEqual([
      { outcome: "rejected", cause: "inactivity", refreshes: 5, durationMsSum: 0, latenessMsSum: 0 },
      { outcome: "rejected", cause: "unexplained", refreshes: 6, durationMsSum: 0, latenessMsSum: 0 },
      {
        outcome: "rotated",
        cause: "",
        refreshes: 2 ** 40 + 113,
        durationMsSum: 2 ** 41 + 301,
        latenessMsSum: 38,
      },
    ]);
  });

  test("stay what they are when old rows are merged", async () => {
    await rows.app("xero");
    for (const process of ["worker-1", "worker-2", "worker-3"]) {
      for (const ago of [50, 51, 52]) {
        await rows.tally("xero", ago * HOUR_MS, { process, refreshes: 7n, durationMsSum: 11n, latenessMsSum: 13n });
      }
    }
    await rows.tally("xero", 0, { process: "worker-1", refreshes: 1n });
    const before = await readApp("xero");

    expect(await compactTally(store, 2 * DAY_MS)).toBeGreaterThan(0);

    expect((await readApp("xero")).outcomes).toEqual(before.outcomes);
    expect(before.outcomes[0]?.refreshes).toBe(64);
  });

  test("are kept apart by app", async () => {
    await rows.app("xero");
    await rows.app("quickbooks", { provider: "quickbooks" });
    await rows.tally("xero", 0, { refreshes: 2n });
    await rows.tally("quickbooks", 0, { outcome: "renewed", refreshes: 3n });

    const { apps } = await read();
    const totals = apps.map(({ appId, provider, outcomes }) => [
      appId,
      provider,
      outcomes.map((total) => total.refreshes),
    ]);
    expect(totals).toEqual([
      ["quickbooks", "quickbooks", [3]],
      ["xero", "xero", [2]],
    ]);
  });
});

describe("connections", () => {
  test("are counted by state and mode", async () => {
    await rows.app("xero");
    await rows.connection("xero");
    await rows.connection("xero");
    await rows.connection("xero", { mode: "keepalive" });
    await rows.connection("xero", { mode: "off" });
    await rows.connection("xero", { state: "needs_reauth" });

    const { connections } = await readApp("xero");
    expect([...connections].sort((a, b) => (a.state + a.mode < b.state + b.mode ? -1 : 1))).toEqual([
      { state: "active", mode: "fresh", connections: 2 },
      { state: "active", mode: "keepalive", connections: 1 },
      { state: "active", mode: "off", connections: 1 },
      { state: "needs_reauth", mode: "fresh", connections: 1 },
    ]);
  });

  test("are stale only when active, wanted fresh and past their expiry", async () => {
    await rows.app("xero");
    const now = await rows.now();
    const expired = { accessTokenExpiresAt: new Date(now - 1) };
    await rows.connection("xero", expired);
    await rows.connection("xero", { accessTokenExpiresAt: new Date(now + HOUR_MS) });
    await rows.connection("xero", { accessTokenExpiresAt: null });
    await rows.connection("xero", { ...expired, mode: "keepalive" });
    await rows.connection("xero", { ...expired, mode: "off" });
    await rows.connection("xero", { ...expired, state: "needs_reauth" });

    expect((await readApp("xero")).stale).toBe(1);
  });

  test("are overdue from their due time on, and the one due longest tells how late they are", async () => {
    await rows.app("xero");
    const now = await rows.now();
    await rows.connection("xero", { dueAt: new Date(now - 90_000) });
    await rows.connection("xero", { dueAt: new Date(now - 10_000), mode: "keepalive" });
    await rows.connection("xero", { dueAt: new Date(now + HOUR_MS) });
    await rows.connection("xero", { dueAt: null });

    const { overdue, oldestDueAgeMs } = await readApp("xero");
    expect(overdue).toBe(2);
    expect(oldestDueAgeMs).toBeGreaterThanOrEqual(90_000);
    expect(oldestDueAgeMs).toBeLessThan(90_000 + 30_000);
  });

  test("expire at the first of their limits; at the hard one for good", async () => {
    await rows.app("xero");
    const now = await rows.now();
    const inDays = (days: number) => new Date(now + days * DAY_MS);
    await rows.connection("xero", { grantExpiresAt: inDays(3), grantHardExpiresAt: inDays(80) });
    await rows.connection("xero", { grantExpiresAt: inDays(60), grantHardExpiresAt: inDays(20) });
    await rows.connection("xero", { grantHardExpiresAt: inDays(6) });
    await rows.connection("xero", { grantExpiresAt: inDays(-1) });
    await rows.connection("xero", { grantExpiresAt: inDays(91) });
    await rows.connection("xero");
    await rows.connection("xero", { grantExpiresAt: inDays(1), state: "needs_reauth" });

    const { expiring, ending } = await readApp("xero");
    expect(expiring).toEqual({ days7: 3, days30: 4, days90: 4 });
    expect(ending).toEqual({ days7: 1, days30: 2, days90: 3 });
  });
});

describe("an app", () => {
  test("without connections, refreshes or a scheduler is there with zeros", async () => {
    await rows.app("new", { createdAt: new Date((await rows.now()) - 120_000) });

    const { scanLagMs, ...app } = await readApp("new");
    expect(scanLagMs).toBeGreaterThanOrEqual(120_000);
    expect(app).toEqual({
      appId: "new",
      provider: "xero",
      environment: "production",
      breaker: { state: "closed", reason: null, changedAt: null },
      connections: [],
      outcomes: [],
      stale: 0,
      overdue: 0,
      oldestDueAgeMs: 0,
      expiring: { days7: 0, days30: 0, days90: 0 },
      ending: { days7: 0, days30: 0, days90: 0 },
      openIntents: 0,
      abandonedIntents: 0,
      oldestIntentAgeMs: 0,
      candidates: 0,
    });
  });

  test("tells its breaker's state and since when no scheduler looked", async () => {
    const now = await rows.now();
    const changedAt = new Date(Math.floor(now) - 1_000);
    await rows.app("xero", { breakerState: "open", breakerReason: "invalid_client", breakerChangedAt: changedAt });
    const tickedAt = new Date(now - 30_000);
    await store.prisma.schedulerCursor.create({ data: { appId: "xero", sweptAt: tickedAt, tickedAt } });

    const { breaker, scanLagMs } = await readApp("xero");
    expect(breaker).toEqual({ state: "open", reason: "invalid_client", changedAt });
    expect(scanLagMs).toBeGreaterThanOrEqual(30_000);
    expect(scanLagMs).toBeLessThan(60_000);
  });

  test("tells what is under way, what was abandoned and what is kept for recovery", async () => {
    await rows.app("xero");
    await rows.app("other");
    const [first, second] = [await rows.connection("xero"), await rows.connection("xero")];
    await rows.intent(first, "xero", { claimedAgoMs: 2_000, leaseLeftMs: 30_000 });
    await rows.intent(second, "xero", { claimedAgoMs: 600_000, leaseLeftMs: -1 });
    await rows.candidate(first);
    await rows.candidate(await rows.connection("other"));

    const { openIntents, abandonedIntents, oldestIntentAgeMs, candidates } = await readApp("xero");
    expect({ openIntents, abandonedIntents, candidates }).toEqual({
      openIntents: 2,
      abandonedIntents: 1,
      candidates: 1,
    });
    expect(oldestIntentAgeMs).toBeGreaterThanOrEqual(600_000);
    expect((await readApp("other")).candidates).toBe(1);
  });
});

test("an empty installation has no apps and the database's time", async () => {
  const { asOf, apps } = await read();
  expect(apps).toEqual([]);
  expect(Math.abs(asOf.getTime() - Date.now())).toBeLessThan(60_000);
});
