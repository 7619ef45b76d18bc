import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEscrow } from "@evergrant/store/escrow";
import { type FaultSpec, withClient } from "@evergrant/testkit";
import { afterEach, describe, expect, inject, test } from "vitest";
import { startOwnPostgres } from "./own-postgres.ts";
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
    "PostgreSQL away under load, one worker told to stop at once and the others before it is back, costs no token",
    async () => {
      const postgres = await startOwnPostgres(tempDir("postgres"));
      cleanUps.push(() => postgres.stop());
      const directory = tempDir("escrow");
      world = await createWorld({
        redis,
        rules: { strict: { accessTokenTtlMs: LIFETIME_MS } },
        databaseUrl: postgres.databaseUrl,
      });
      await world.migrate();
      await world.addApp({ id: "books", kind: "strict", provider: "books", descriptor: DESCRIPTOR });
      await world.connect("books", CONNECTIONS, "books");
      await world.provider.setFault(SLOW);
      const workerEnv = { ...world.keyEnv, ...(redis ? {} : { EVERGRANT_ESCROW_DIR: directory }) };
      const escrow = openEscrow({
        ...(redis ? { redisUrl: inject("redisUrl") ?? "" } : { directory }),
        namespace: world.env.EVERGRANT_QUEUE_NAMESPACE ?? "",
        onError: () => {},
      });
      cleanUps.push(() => escrow.close());
      await start("scheduler", world.env);
      const startWorker = (): Promise<Running> => start("worker", workerEnv);
      const [first, ...others] = await Promise.all([startWorker(), startWorker(), startWorker()]);
      await until("there is load", async () => (await world.provider.audit()).requests > CONNECTIONS);

      await until("many are under way", async () => (await openIntents()) > 20, 60_000);
      await postgres.stop("immediate");
      const awaySince = Date.now();
      const codes = [await first?.stop()];
      await until("the outage is over", () => Date.now() - awaySince > OUTAGE_MS, OUTAGE_MS + 5_000);
      expect(others.map((worker) => worker.isRunning())).toEqual([true, true]);
      codes.push(...(await Promise.all(others.map((worker) => worker.stop()))));
      const { entries } = await escrow.readAll();
      process.stderr.write(`${entries.length} settlements in the escrow, exit codes ${codes.join(" ")}\n`);
      expect(codes).toEqual([0, 0, 0]);

      await postgres.startAgain();
      const homeless = await intentsOfUnsettled();
      process.stderr.write(`${homeless.length} of them bring the only token that works\n`);
      expect(homeless.length).toBeGreaterThan(20);
      expect(entries.map(({ id }) => id)).toEqual(expect.arrayContaining(homeless));

      await Promise.all([startWorker(), startWorker()]);
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

const openIntents = () =>
  withClient(world.databaseUrl, async (client) => (await client.query("SELECT 1 FROM refresh_intent")).rowCount ?? 0);

/** The intents of those whose provider has rotated more often than the database knows of. */
async function intentsOfUnsettled(): Promise<string[]> {
  const rotations = new Map((await world.provider.auditGrants()).map((grant) => [grant.id, grant.rotations]));
  return withClient(world.databaseUrl, async (client) => {
    const { rows } = await client.query<{ id: string; generation: number; intent: string | null }>(
      `SELECT t.connection_id AS id, t.generation, i.intent_id AS intent
       FROM token_set t LEFT JOIN refresh_intent i ON i.connection_id = t.connection_id`,
    );
    return rows
      .filter(({ id, generation }) => (rotations.get(id) ?? 0) > generation - 1)
      .map(({ id, intent }) => intent ?? `none for ${id}`);
  });
}

async function refreshedAgain(): Promise<void> {
  const before = new Map((await world.provider.auditGrants()).map((grant) => [grant.id, grant.rotations]));
  const isDone = async () =>
    (await world.provider.auditGrants()).every((grant) => grant.rotations >= (before.get(grant.id) ?? 0) + 2);
  await until("every connection is refreshed twice more", isDone, 90_000);
}
