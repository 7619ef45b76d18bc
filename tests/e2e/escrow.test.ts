import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEscrow } from "@evergrant/store/escrow";
import { type FaultSpec, type RunningPostgres, startEmbeddedPostgres, withClient } from "@evergrant/testkit";
import getPort from "get-port";
import { afterEach, describe, expect, inject, test } from "vitest";
import { type Running, start, stopAll, until } from "./process.ts";
import { createWorld, type World } from "./world.ts";

/** The full minute: EVERGRANT_TEST_OUTAGE_MS=60000. */
const OUTAGE_MS = Number(process.env.EVERGRANT_TEST_OUTAGE_MS ?? 15_000);
const CONNECTIONS = 150;
const LIFETIME_MS = 8_000;

/** So that many requests are under way at any moment. */
const SLOW: FaultSpec = { effect: { type: "latency", ms: [500, 2_000] } };

let world: World;
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  await stopAll();
  await world.close();
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function tempDir(name: string): string {
  const path = mkdtempSync(join(tmpdir(), `evergrant-${name}-`));
  cleanUps.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

describe.each([
  ["in Redis", true],
  ["in a folder", false],
] as const)("with the escrow %s", (_, redis) => {
  test.runIf(!redis || inject("redisUrl") !== null)(
    "PostgreSQL away under load and every worker told to stop meanwhile costs no token",
    async () => {
      const { postgres, reboot } = await ownPostgres();
      const directory = tempDir("escrow");
      world = await createWorld({
        redis,
        rules: { strict: { accessTokenTtlMs: LIFETIME_MS } },
        databaseUrl: new URL("/evergrant", postgres.url).href,
      });
      await world.migrate();
      await world.addApp({ id: "books", kind: "strict", provider: "books", descriptor: DESCRIPTOR });
      await world.connect("books", CONNECTIONS, "books");
      await world.provider.setFault(SLOW);
      const workerEnv = { ...world.keyEnv, ...(redis ? {} : { EVERGRANT_ESCROW_DIR: directory }) };
      await start("scheduler", world.env);
      const workers = [await start("worker", workerEnv), await start("worker", workerEnv)];
      await until("there is load", async () => (await world.provider.audit()).requests > CONNECTIONS);

      await until("many are under way", async () => (await openIntents()) > 20, 60_000);
      await postgres.stop();
      const awaySince = Date.now();
      const codes = await Promise.all(workers.map((worker) => worker.stop()));
      const escrow = openEscrow({
        ...(redis ? { redisUrl: inject("redisUrl") ?? "" } : { directory }),
        namespace: world.env.EVERGRANT_QUEUE_NAMESPACE ?? "",
        onError: () => {},
      });
      cleanUps.push(() => escrow.close());
      const waiting = await escrow.count();
      process.stderr.write(`stopped with ${waiting} settlements in the escrow, exit codes ${codes.join(" ")}\n`);
      expect(codes).toEqual([0, 0]);
      expect(waiting).toBeGreaterThan(0);

      await until("the outage is over", () => Date.now() - awaySince > OUTAGE_MS, OUTAGE_MS + 5_000);
      await reboot();
      await Promise.all([start("worker", workerEnv), start("worker", workerEnv)] satisfies Promise<Running>[]);
      await until("the escrow is empty", async () => (await escrow.count()) === 0);
      await refreshedAgain();
      expect(await world.provider.audit()).toMatchObject({
        alive: CONNECTIONS,
        overlaps: 0,
        spentPresented: { insideGrace: 0, outsideGrace: 0 },
        invalidGrantAnswers: 0,
      });
    },
    OUTAGE_MS + 180_000,
  );
});

/** A provider without a grace window that ends the grant when a spent token is presented: nothing can be made good. */
const DESCRIPTOR = {
  lifetimes: { accessTokenMs: LIFETIME_MS },
  schedule: { leadMs: 4_000, jitterMs: 2_000 },
  retry: { firstMs: 300, maxMs: 1_000 },
};

async function ownPostgres(): Promise<{ postgres: RunningPostgres; reboot: () => Promise<void> }> {
  const dataDir = tempDir("postgres");
  const port = await getPort({ host: "127.0.0.1" });
  let postgres = await startEmbeddedPostgres({ dataDir, port });
  cleanUps.push(() => postgres.stop());
  return {
    postgres,
    reboot: async () => {
      postgres = await startEmbeddedPostgres({ dataDir, port });
    },
  };
}

const openIntents = () =>
  withClient(world.databaseUrl, async (client) => (await client.query("SELECT 1 FROM refresh_intent")).rowCount ?? 0);

async function refreshedAgain(): Promise<void> {
  const before = new Map((await world.provider.auditGrants()).map((grant) => [grant.id, grant.rotations]));
  const isDone = async () =>
    (await world.provider.auditGrants()).every((grant) => grant.rotations >= (before.get(grant.id) ?? 0) + 2);
  await until("every connection is refreshed twice more", isDone, 90_000);
}
