import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { admin, start, stopAll, until } from "./process.ts";
import { createWorld, type World } from "./world.ts";

const RUN_MS = 60_000;
const SECOND = 1_000;
/** What `refresh --help`, which asks nobody, takes on two cores with nothing else to do: the second is that machine's. */
const QUIET_START_MS = 380;

describe.runIf(inject("redisUrl") !== null)(
  "two schedulers and three workers keep 2,000 connections alive for a minute",
  () => {
    let world: World;
    let metricsUrl: string;

    beforeAll(async () => {
      world = await createWorld({
        redis: true,
        rules: {
          xero: { accessTokenTtlMs: 20 * SECOND, graceMs: 20 * SECOND },
          quickbooks: { accessTokenTtlMs: 20 * SECOND, rotationIntervalMs: 15 * SECOND },
        },
      });
      await world.addApp({
        id: "xero-e2e",
        kind: "xero",
        descriptor: {
          lifetimes: { accessTokenMs: 20 * SECOND },
          graceMs: 20 * SECOND,
          schedule: { leadMs: 8 * SECOND, jitterMs: 4 * SECOND },
          retry: { firstMs: 500, maxMs: 2_000 },
        },
      });
      await world.addApp({
        id: "quickbooks-e2e",
        kind: "quickbooks",
        descriptor: {
          schedule: { keepaliveMs: 10 * SECOND, jitterMs: 2 * SECOND },
          retry: { firstMs: 500, maxMs: 2_000 },
        },
      });
      await world.connect("xero-e2e", 1_600, "xero");
      await world.connect("quickbooks-e2e", 400, "quickbooks");
      // Not due by itself for a week: whatever is asked for it, the operator asked.
      await world.addApp({ id: "xero-quiet", kind: "xero", descriptor: {} });
      await world.connect("xero-quiet", 1, "acme", { id: "acme-xero", mode: "keepalive" });
      const [metrics] = await Promise.all([
        start("metrics", world.env),
        ...["scheduler", "scheduler"].map((room) => start(room as "scheduler", world.env)),
        ...["worker", "worker", "worker"].map((room) => start(room as "worker", world.keyEnv)),
      ]);
      metricsUrl = metrics?.url ?? "";
      // An answer that takes no time could never overlap with another.
      await world.provider.setFault({ effect: { type: "latency", ms: [5, 60] } });
    });
    afterAll(async () => {
      await stopAll();
      await world.close();
    });

    test("no request overlaps, no spent token is presented, every grant lives, nothing goes stale", async () => {
      const series: number[] = [];
      const end = Date.now() + RUN_MS;
      await until(
        "the minute is over",
        async () => {
          series.push((await status(metricsUrl)).stale);
          return Date.now() >= end;
        },
        RUN_MS + 10_000,
      );
      const audit = await world.provider.audit();
      const totals = await status(metricsUrl);
      process.stderr.write(
        `${audit.requests} requests, ${audit.rotations} rotations, stale at most ${Math.max(...series)}\n`,
      );
      expect(audit).toMatchObject({
        grants: 2_001,
        alive: 2_001,
        neverRotated: 1,
        overlaps: 0,
        spentPresented: { insideGrace: 0, outsideGrace: 0 },
        invalidGrantAnswers: 0,
      });
      expect(Math.max(...series)).toBe(0);
      expect(totals).toMatchObject({ connections: 2_001, active: 2_001, needsReauth: 0, stale: 0 });
      expect(audit.requests).toBeGreaterThan(2_000 * 4);
    });

    test("an operator's refresh of one connection shows its outcome in under a second meanwhile, and two at once make one call", async () => {
      const requests = async () => (await world.provider.audit("xero-quiet")).requests;
      const refresh = (...more: string[]) => admin(["refresh", "acme-xero", "--wait", "--json", ...more], world.keyEnv);
      const took: number[] = [];
      const started: number[] = [];
      for (const _ of [1, 2, 3]) {
        started.push(Math.round((await admin(["refresh", "--help"], world.keyEnv)).tookMs));
        const answer = await refresh("--force");
        expect(answer).toMatchObject({ code: 0, stdout: expect.stringContaining("rotated") });
        took.push(Math.round(answer.tookMs));
      }
      process.stderr.write(`refresh --wait took ${took.join(", ")} ms; --help alone ${started.join(", ")} ms\n`);
      expect(median(took)).toBeLessThan(SECOND * Math.max(1, median(started) / QUIET_START_MS));
      expect(await requests()).toBe(3);

      // A refresh of a moment ago would answer as well.
      await world.age("acme-xero", 6_000);
      const both = await Promise.all([refresh(), refresh()]);
      for (const answer of both) expect(answer).toMatchObject({ code: 0, stdout: expect.stringContaining("rotated") });
      expect(await requests()).toBe(4);
    });
  },
);

const median = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;

async function status(
  url: string,
): Promise<{ stale: number; active: number; connections: number; needsReauth: number }> {
  const answer = await fetch(`${url}/status.json`);
  const { fleet } = (await answer.json()) as {
    fleet: { totals: { stale: number; active: number; connections: number; needsReauth: number } };
  };
  return fleet.totals;
}
