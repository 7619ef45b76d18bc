import { startTcpProxy, type TcpProxy } from "@evergrant/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type MetricsUnderTest, startMetricsUnderTest } from "./metrics-under-test.ts";

const WAIT_MS = 500;
/** Database and queue are each waited for; the rest is a slow machine. */
const BOUND_MS = 2 * WAIT_MS + 2_000;

let metrics: MetricsUnderTest;
let proxy: TcpProxy;

beforeEach(async () => {
  metrics = await startMetricsUnderTest({
    waitMs: WAIT_MS,
    databaseVia: async (databaseUrl) => {
      const url = new URL(databaseUrl);
      proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
      url.port = String(proxy.port);
      return url.href;
    },
  });
  await metrics.store.prisma.oAuthApp.create({
    data: { id: "xero-prod", provider: "xero", environment: "production", clientId: "x" },
  });
});
afterEach(async () => {
  await proxy.restore();
  await metrics.close();
  await proxy.cut();
});

const COUNTER = 'evergrant_refreshes_total{provider="xero",app="xero-prod",outcome="rotated"}';

async function expectUp(): Promise<void> {
  await expect
    .poll(async () => (await metrics.samples()).get("evergrant_fleet_up"), { timeout: 20_000, interval: 100 })
    .toBe(1);
}

async function expectAway(): Promise<ReadonlyMap<string, number>> {
  // What was read a moment ago may be served for a second.
  await expect
    .poll(async () => (await metrics.samples()).get("evergrant_fleet_up"), { timeout: 10_000, interval: 100 })
    .toBe(0);
  const startedAt = performance.now();
  const samples = await metrics.samples();
  expect(performance.now() - startedAt).toBeLessThan(BOUND_MS);
  return samples;
}

for (const [name, goAway] of [
  ["is stopped", () => proxy.cut()],
  ["vanishes without a word", async () => proxy.silence()],
] as const) {
  test(`a database that ${name} leaves process metrics and evergrant_fleet_up 0, and no old numbers`, async () => {
    await expectUp();
    expect((await metrics.samples()).get(COUNTER)).toBe(0);

    await goAway();
    const samples = await expectAway();
    expect(samples.get("process_cpu_seconds_total")).toBeGreaterThan(0);
    await expect.poll(async () => (await metrics.samples()).get("evergrant_queue_up"), { timeout: 10_000 }).toBe(0);
    expect([...samples.keys()].filter((name) => name.includes('app="xero-prod"'))).toEqual([]);

    await proxy.restore();
    await expectUp();
    expect((await metrics.samples()).get(COUNTER)).toBe(0);
  });
}

test("the page says in one sentence that the database is away, and recovers by itself", async () => {
  await expectUp();
  await proxy.cut();
  await expect.poll(async () => (await metrics.get("/status.json")).status, { timeout: 10_000 }).toBe(503);

  const page = await metrics.get("/");
  expect(page.status).toBe(200);
  expect(await page.text()).toContain(
    "<h1>The database does not answer, so nothing can be said about the connections.</h1>",
  );
  expect(await (await metrics.get("/status.json")).json()).toMatchObject({
    database: "away",
    fleet: null,
    verdict: { level: "unknown" },
  });

  await proxy.restore();
  await expect.poll(async () => (await metrics.get("/status.json")).status, { timeout: 20_000 }).toBe(200);
});

test("probes answer while the database is away, so that nobody restarts the process that tells of it", async () => {
  await proxy.cut();
  expect((await metrics.get("/healthz")).status).toBe(200);
  expect((await metrics.get("/readyz")).status).toBe(200);
});

test("going and coming back are logged once each, without the address", async () => {
  await expectUp();
  await proxy.cut();
  await expectAway();
  await metrics.samples();
  await proxy.restore();
  await expectUp();

  const lines = metrics.logLines.filter((line) => line.includes("the database"));
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain("the database does not answer");
  expect(lines[1]).toContain("the database answers again");
  expect(metrics.logLines.join("")).not.toContain(new URL(metrics.databaseUrl).password);
});
