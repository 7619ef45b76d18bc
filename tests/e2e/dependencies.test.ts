import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type FaultSpec,
  launchRoom,
  listening,
  startEmbeddedPostgres,
  startRedisServer,
  withClient,
} from "@evergrant/testkit";
import getPort from "get-port";
import { afterEach, describe, expect, inject, test } from "vitest";
import { start, stopAll, until } from "./process.ts";
import { createWorld, type World } from "./world.ts";

/** At a provider without a grace window and with reuse detection a spent token, presented once, ends the grant. */
const RULES = { strict: { accessTokenTtlMs: 4_000 } };
const DESCRIPTOR = {
  lifetimes: { accessTokenMs: 4_000 },
  schedule: { leadMs: 2_000, jitterMs: 500 },
  retry: { firstMs: 300, maxMs: 1_000 },
};

/** So that there are always requests under way when something goes away. */
const SLOW: FaultSpec = { effect: { type: "latency", ms: [200, 1_500] } };

let world: World;
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  await stopAll();
  await world.close();
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

describe.runIf(inject("redisUrl") !== null)("Redis", () => {
  test("that is not there yet, goes away and comes back empty costs lateness and nothing else", async () => {
    const port = await getPort({ host: "127.0.0.1" });
    world = await createWorld({ redis: false, rules: RULES, env: { REDIS_URL: `redis://127.0.0.1:${port}` } });
    await world.addApp({ id: "books-redis", kind: "strict", provider: "books", descriptor: DESCRIPTOR });
    await world.provider.setFault(SLOW);
    await world.connect("books-redis", 30, "books");
    const processes = [await start("scheduler", world.env), await start("worker", world.keyEnv)];

    const redis = await startRedisServer({ port });
    cleanUps.push(() => redis.stop());
    await refreshedAgain("after Redis came up");
    await redis.restart();
    await refreshedAgain("after Redis came back empty");
    await redis.kill();
    await until("the scheduler says that it is not ready", async () => !(await isReady(processes[0]?.url)));
    await redis.restart();
    await refreshedAgain("after Redis was killed and came back");
    await unharmed(processes.length);
  });
});

test("PostgreSQL that is not there yet, goes away and comes back costs lateness and nothing else", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "evergrant-e2e-postgres-"));
  cleanUps.push(() => rmSync(dataDir, { recursive: true }));
  const port = await getPort({ host: "127.0.0.1" });
  const boot = () => startEmbeddedPostgres({ dataDir, port });
  let postgres = await boot();
  cleanUps.push(() => postgres.stop());
  world = await createWorld({ redis: false, rules: RULES, databaseUrl: new URL("/evergrant", postgres.url).href });
  await world.migrate();
  await world.addApp({ id: "books-postgres", kind: "strict", provider: "books", descriptor: DESCRIPTOR });
  await world.provider.setFault(SLOW);
  await world.connect("books-postgres", 30, "books");
  await postgres.stop();

  const waiting = Promise.all([start("scheduler", world.env), start("worker", world.keyEnv)]);
  postgres = await boot();
  const processes = await waiting;
  await refreshedAgain("after PostgreSQL came up");
  await postgres.stop();
  // Longer than a lease: what was under way when it went can neither renew nor settle until it is back.
  await until("the worker says that it is not ready", async () => !(await isReady(processes[1]?.url)));
  await outlast(LEASE_MS);
  postgres = await boot();
  await refreshedAgain("after PostgreSQL came back");
  await unharmed(processes.length);
});

test("PostgreSQL that is read-only while processes start, queues included, is waited for", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "evergrant-e2e-postgres-"));
  cleanUps.push(() => rmSync(dataDir, { recursive: true }));
  const postgres = await startEmbeddedPostgres({ dataDir });
  cleanUps.push(() => postgres.stop());
  world = await createWorld({ redis: false, rules: RULES, databaseUrl: new URL("/evergrant", postgres.url).href });
  await world.migrate();
  await world.addApp({ id: "books-standby", kind: "strict", provider: "books", descriptor: DESCRIPTOR });
  await world.connect("books-standby", 30, "books");
  const set = (value: "on" | "off") =>
    withClient(postgres.url, async (client) => {
      await client.query("SET default_transaction_read_only = off");
      await client.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
      await client.query("SELECT pg_reload_conf()");
    });
  await set("on");

  const processes = [launchRoom("scheduler", world.env), launchRoom("worker", world.keyEnv)];
  cleanUps.push(() => Promise.all(processes.map((running) => running.stop())));
  await Promise.all(processes.map((running) => running.awaitLine(/Waiting for PostgreSQL: [^"]*read-only/)));
  await set("off");
  await Promise.all(processes.map((running) => running.awaitLine(listening)));
  await refreshedAgain("after PostgreSQL took writes again");
  await unharmed(processes.filter((running) => running.isRunning()).length);
});

const LEASE_MS = 5_000;

async function outlast(ms: number): Promise<void> {
  const end = Date.now() + ms;
  await until("the time is over", () => Date.now() > end, ms + 5_000);
}

/** Every grant is asked for twice more from here on: the second time nothing is left of the trouble. */
async function refreshedAgain(when: string): Promise<void> {
  const before = new Map((await world.provider.auditGrants()).map((grant) => [grant.id, grant.requests]));
  const isDone = async () =>
    (await world.provider.auditGrants()).every((grant) => grant.requests >= (before.get(grant.id) ?? 0) + 2);
  await until(`every connection is refreshed ${when}`, isDone, 90_000);
}

async function unharmed(processes: number): Promise<void> {
  expect(await world.provider.audit()).toMatchObject({
    alive: 30,
    overlaps: 0,
    spentPresented: { insideGrace: 0, outsideGrace: 0 },
    invalidGrantAnswers: 0,
  });
  expect(processes).toBe(2);
}

async function isReady(url: string | undefined): Promise<boolean> {
  return fetch(`${url}/readyz`).then(
    (answer) => answer.ok,
    () => false,
  );
}
