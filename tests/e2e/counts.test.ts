import { afterEach, describe, expect, inject, test } from "vitest";
import { type Running, start, stopAll, until } from "./process.ts";
import { createWorld, type World } from "./world.ts";

let world: World;
afterEach(async () => {
  await stopAll();
  await world.close();
});

const backends = [
  ["PostgreSQL", false],
  ["Redis", true],
] as const;

describe.each(backends)("with queues in %s", (_, redis) => {
  test.runIf(!redis || inject("redisUrl") !== null)(
    "the total of invalid_grant equals the provider's own count, also after every process was restarted",
    async () => {
      world = await createWorld({ redis, rules: { xero: { accessTokenTtlMs: 4_000, graceMs: 4_000 } } });
      await world.addApp({
        id: "xero-count",
        kind: "xero",
        descriptor: {
          lifetimes: { accessTokenMs: 4_000 },
          graceMs: 4_000,
          schedule: { leadMs: 2_000, jitterMs: 500 },
          retry: { firstMs: 300, maxMs: 1_000 },
          strikeGapMs: 1_000,
          // Many leave at once here, and are to be counted, not held.
          breaker: { leastRejected: 1_000, vouchWithinMs: 0, vouchWithinRefusals: 0 },
        },
      });
      const grants = await world.connect("xero-count", 60, "xero");
      let fleet = await startFleet();
      const leaving = grants.map((grant) => grant.id);
      await world.provider.revoke({ grantIds: leaving.slice(0, 10) });
      await until("the first ten are noticed", async () => (await needsReauth(fleet.metrics)) === 10);
      await Promise.all(fleet.all.map((running) => running.stop()));

      fleet = await startFleet();
      await world.provider.revoke({ grantIds: leaving.slice(10, 25) });
      await until("all twenty-five are noticed", async () => (await needsReauth(fleet.metrics)) === 25);
      const { invalidGrantAnswers } = await world.provider.audit();
      expect(invalidGrantAnswers).toBe(50);
      await until(
        "the counter shows them",
        async () => (await invalidGrants(fleet.metrics)) === invalidGrantAnswers,
        5_000,
      );
      // Two strikes each and not one more: a dead grant is left alone.
      const dead = (await world.provider.auditGrants()).filter((grant) => !grant.alive);
      expect(dead.map((grant) => grant.rejected)).toEqual(dead.map(() => 2));
    },
  );
});

async function startFleet(): Promise<{ metrics: Running; all: Running[] }> {
  const metrics = await start("metrics", world.env);
  const others = await Promise.all([
    start("scheduler", world.env),
    start("worker", world.keyEnv),
    start("worker", world.keyEnv),
  ]);
  return { metrics, all: [metrics, ...others] };
}

async function needsReauth({ url }: Running): Promise<number> {
  return readSeries(url, /^evergrant_connections\{[^}]*state="needs_reauth"[^}]*\} (\d+)/gm);
}

async function invalidGrants({ url }: Running): Promise<number> {
  return readSeries(url, /^evergrant_invalid_grants_total\{[^}]*\} (\d+)/gm);
}

async function readSeries(url: string, pattern: RegExp): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return [...text.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);
}
