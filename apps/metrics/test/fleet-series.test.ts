import { spawn } from "node:child_process";
import { CONNECTION_STATES, OUTCOME_KINDS, REFRESH_MODES, REJECTION_CAUSES } from "@evergrant/core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { fleetFamilies } from "../src/series/fleet-families.ts";
import { type MetricsUnderTest, startMetricsUnderTest } from "./metrics-under-test.ts";

const XERO = 'provider="xero",app="xero-prod"';
const QUICKBOOKS = 'provider="quickbooks",app="qbo-prod"';

let metrics: MetricsUnderTest;
let samples: ReadonlyMap<string, number>;

beforeAll(async () => {
  metrics = await startMetricsUnderTest({ escrowEntries: 3 });
  await fillFleet(metrics);
  samples = await metrics.samples();
});
afterAll(() => metrics.close());

/** One app at work, and one that nothing has happened to yet. */
async function fillFleet({ store: { prisma }, queues }: MetricsUnderTest): Promise<void> {
  const ago = (ms: number) => new Date(Date.now() - ms);
  await prisma.oAuthApp.createMany({
    data: [
      { id: "xero-prod", provider: "xero", environment: "production", clientId: "x", breakerState: "half_open" },
      { id: "qbo-prod", provider: "quickbooks", environment: "production", clientId: "q", createdAt: ago(300_000) },
    ],
  });
  await prisma.connection.createMany({
    data: [
      {
        id: "connection-a",
        customer: "Customer",
        appId: "xero-prod",
        mode: "fresh",
        accessTokenExpiresAt: ago(5_000),
        dueAt: ago(60_000),
      },
      {
        id: "connection-b",
        customer: "Customer",
        appId: "xero-prod",
        mode: "fresh",
        grantExpiresAt: ago(-20 * 86_400_000),
      },
      {
        id: "connection-c",
        customer: "Customer",
        appId: "xero-prod",
        mode: "keepalive",
        grantHardExpiresAt: ago(-5 * 86_400_000),
      },
      {
        id: "connection-d",
        customer: "Customer",
        appId: "xero-prod",
        mode: "fresh",
        state: "needs_reauth",
        stateReason: "inactivity",
      },
    ],
  });
  const row = { appId: "xero-prod", durationMsSum: 0n, latenessMsSum: 0n, latenessMsMax: 0 };
  await prisma.refreshTally.createMany({
    data: [
      {
        ...row,
        bucketAt: ago(60_000),
        process: "w1",
        outcome: "rotated",
        refreshes: 40n,
        durationMsSum: 4_500n,
        latenessMsSum: 1_250n,
      },
      { ...row, bucketAt: ago(60_000), process: "w2", outcome: "rotated", refreshes: 2n, durationMsSum: 500n },
      { ...row, bucketAt: ago(90 * 86_400_000), process: "", outcome: "rotated", refreshes: 1_000n },
      { ...row, bucketAt: ago(60_000), process: "w1", outcome: "rejected", cause: "inactivity", refreshes: 3n },
      { ...row, bucketAt: ago(60_000), process: "w2", outcome: "rejected", cause: "inactivity", refreshes: 1n },
      { ...row, bucketAt: ago(60_000), process: "w2", outcome: "rejected", cause: "lost_answer", refreshes: 2n },
    ],
  });
  await prisma.schedulerCursor.create({ data: { appId: "xero-prod", sweptAt: ago(0), tickedAt: ago(30_000) } });
  await queues.offer("xero-prod", [
    { connectionId: "connection-a", priority: 10 },
    { connectionId: "connection-b", priority: 20 },
  ]);
}

describe("totals", () => {
  test("are sums over all processes and all time", () => {
    expect(samples.get(`evergrant_refreshes_total{${XERO},outcome="rotated"}`)).toBe(1_042);
    expect(samples.get(`evergrant_refreshes_total{${XERO},outcome="rejected"}`)).toBe(6);
    expect(samples.get(`evergrant_invalid_grants_total{${XERO},cause="inactivity"}`)).toBe(4);
    expect(samples.get(`evergrant_invalid_grants_total{${XERO},cause="lost_answer"}`)).toBe(2);
    expect(samples.get(`evergrant_refreshes_duration_seconds_total{${XERO},outcome="rotated"}`)).toBe(5);
    expect(samples.get(`evergrant_refreshes_lateness_seconds_total{${XERO},outcome="rotated"}`)).toBe(1.25);
  });

  test("of an app that nothing has happened to are there as 0, for every outcome and cause", () => {
    for (const outcome of OUTCOME_KINDS) {
      expect(samples.get(`evergrant_refreshes_total{${QUICKBOOKS},outcome="${outcome}"}`), outcome).toBe(0);
    }
    for (const cause of REJECTION_CAUSES) {
      expect(samples.get(`evergrant_invalid_grants_total{${QUICKBOOKS},cause="${cause}"}`), cause).toBe(0);
    }
  });
});

test("connections are counted by state and mode, every pair from the start", () => {
  expect(samples.get(`evergrant_connections{${XERO},state="active",mode="fresh"}`)).toBe(2);
  expect(samples.get(`evergrant_connections{${XERO},state="active",mode="keepalive"}`)).toBe(1);
  expect(samples.get(`evergrant_connections{${XERO},state="needs_reauth",mode="fresh"}`)).toBe(1);
  for (const state of CONNECTION_STATES) {
    for (const mode of REFRESH_MODES) {
      expect(samples.get(`evergrant_connections{${QUICKBOOKS},state="${state}",mode="${mode}"}`)).toBe(0);
    }
  }
});

test("what is stale, late or about to end is told", () => {
  expect(samples.get(`evergrant_connections_stale{${XERO}}`)).toBe(1);
  expect(samples.get(`evergrant_overdue_connections{${XERO}}`)).toBe(1);
  expect(samples.get(`evergrant_oldest_due_age_seconds{${XERO}}`)).toBeGreaterThanOrEqual(59);
  expect(samples.get(`evergrant_oldest_due_age_seconds{${QUICKBOOKS}}`)).toBe(0);
  expect(samples.get(`evergrant_grants_expiring{${XERO},within="7d"}`)).toBe(1);
  expect(samples.get(`evergrant_grants_expiring{${XERO},within="30d"}`)).toBe(2);
  expect(samples.get(`evergrant_grants_expiring{${QUICKBOOKS},within="90d"}`)).toBe(0);
  expect(samples.get(`evergrant_grants_ending{${XERO},within="30d"}`)).toBe(1);
});

test("breaker, scheduler, queue and unsettled refreshes are told for each app", () => {
  expect(samples.get(`evergrant_breaker_state{${XERO},state="half_open"}`)).toBe(1);
  expect(samples.get(`evergrant_breaker_state{${XERO},state="closed"}`)).toBe(0);
  expect(samples.get(`evergrant_breaker_state{${QUICKBOOKS},state="closed"}`)).toBe(1);
  expect(samples.get(`evergrant_scheduler_scan_lag_seconds{${XERO}}`)).toBeGreaterThanOrEqual(29);
  expect(samples.get(`evergrant_scheduler_scan_lag_seconds{${QUICKBOOKS}}`)).toBeGreaterThanOrEqual(299);
  expect(samples.get(`evergrant_queue_jobs{${XERO},state="waiting"}`)).toBe(2);
  expect(samples.get(`evergrant_queue_jobs{${XERO},state="active"}`)).toBe(0);
  expect(samples.get(`evergrant_open_intents{${XERO}}`)).toBe(0);
  expect(samples.get(`evergrant_oldest_intent_age_seconds{${XERO}}`)).toBe(0);
  expect(samples.get(`evergrant_candidates{${XERO}}`)).toBe(0);
  expect(samples.get("evergrant_fleet_up")).toBe(1);
  expect(samples.get("evergrant_queue_up")).toBe(1);
  expect(samples.get("evergrant_escrow_entries")).toBe(3);
});

test("the process tells of itself beside the fleet", () => {
  expect([...samples.keys()].some((name) => name.startsWith("evergrant_build_info{"))).toBe(true);
  expect(samples.get("process_cpu_seconds_total")).toBeGreaterThan(0);
});

test("no label names a connection or a customer", () => {
  expect([...samples.keys()].join("\n")).not.toMatch(/connection-|Customer/);
  const labels = new Set(fleetFamilies.flatMap((family) => family.labels));
  expect(labels).toEqual(new Set(["provider", "app", "outcome", "cause", "state", "mode", "within"]));
});

test("names follow the rules: the prefix, base units, _total on counters and on nothing else", () => {
  for (const { name, type, help } of fleetFamilies) {
    expect(name).toMatch(/^evergrant_[a-z_]+$/);
    expect(name).not.toMatch(/_(ms|milliseconds|minutes|hours|percent)\b/);
    expect(name.endsWith("_total"), name).toBe(type === "counter");
    expect(help).toMatch(/\.$/);
  }
  expect(new Set(fleetFamilies.map(({ name }) => name)).size).toBe(fleetFamilies.length);
});

describe.runIf(inject("promtool"))("promtool, which needs Debian's package prometheus", () => {
  test("accepts what is served without a complaint", async () => {
    const served = await (await metrics.get("/metrics")).text();
    expect(await run("promtool", ["check", "metrics"], served)).toEqual({ code: 0, output: "" });
  });
});

function run(
  program: string,
  args: readonly string[],
  input: string,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args);
    let output = "";
    child.stdout.on("data", (data) => {
      output += data;
    });
    child.stderr.on("data", (data) => {
      output += data;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
    child.stdin.end(input);
  });
}
