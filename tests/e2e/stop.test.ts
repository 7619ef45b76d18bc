import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEscrow } from "@evergrant/store/escrow";
import { withClient } from "@evergrant/testkit";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { startOwnPostgres } from "./own-postgres.ts";
import { type Running, start, stopAll } from "./process.ts";
import { createWorld, type World } from "./world.ts";

const GRACE_MS = 200;

let world: World;
afterEach(async () => {
  await stopAll();
  await world.close();
});

function tempDir(name: string): string {
  const path = mkdtempSync(join(tmpdir(), `evergrant-${name}-`));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

/** A worker with one request under way: its provider has rotated the token, and holds the answer back. */
async function workerInFlight(env: Record<string, string> = {}, databaseUrl?: string) {
  world = await createWorld({ redis: false, rules: {}, ...(databaseUrl !== undefined && { databaseUrl }) });
  if (databaseUrl !== undefined) await world.migrate();
  await world.addApp({ id: "books", kind: "strict", provider: "books", descriptor: {} });
  const hold = await world.provider.hold({ clientId: "books" }, "rotated");
  const [grant] = await world.connect("books", 1, "books", { accessToken: undefined, accessTokenExpiresAt: undefined });
  await start("scheduler", world.env);
  const worker = await start("worker", {
    ...world.keyEnv,
    EVERGRANT_SHUTDOWN_GRACE_MS: String(GRACE_MS),
    ...env,
  });
  await world.provider.awaitHeld(hold, 1, 30_000);
  return { worker, grantId: grant?.id ?? "", release: () => world.provider.clearFaults(hold) };
}

/** Twice the time after which the log names what is still waited for. */
async function outlastsItsGrace({ lines }: Running): Promise<void> {
  const reminders = () => lines.filter((line) => line.includes("still stopping"));
  await expect.poll(() => reminders().length, { timeout: 5_000 }).toBeGreaterThan(2);
  expect(reminders()[0]).toContain('"waitingFor":"refreshes under way"');
}

const generationOf = (grantId: string) =>
  withClient(world.databaseUrl, async (client) => {
    const { rows } = await client.query("SELECT generation FROM token_set WHERE connection_id = $1", [grantId]);
    return rows[0]?.generation;
  });

async function entriesIn(directory: string): Promise<number> {
  const escrow = openEscrow({ directory, namespace: "any", onError: () => {} });
  try {
    return await escrow.count();
  } finally {
    await escrow.close();
  }
}

test("a worker that is told to stop, and told again, brings home the answer to what it has sent", async () => {
  const { worker, grantId, release } = await workerInFlight();
  process.kill(worker.pid, "SIGTERM");
  await expect.poll(() => worker.lines.join("\n"), { timeout: 10_000 }).toContain('"msg":"stopping"');
  process.kill(worker.pid, "SIGTERM");
  process.kill(worker.pid, "SIGINT");
  await outlastsItsGrace(worker);
  expect(worker.isRunning()).toBe(true);
  await release();
  expect(await worker.ended).toBe(0);
  expect(await generationOf(grantId)).toBe(2);
});

test("a worker that is told to stop, and told again, does not end before the only copy of a token is safe somewhere", async () => {
  const postgres = await startOwnPostgres(tempDir("postgres"));
  onTestFinished(() => postgres.stop());
  const directory = join(tempDir("escrow"), "escrow");
  const { worker, grantId, release } = await workerInFlight({ EVERGRANT_ESCROW_DIR: directory }, postgres.databaseUrl);
  await postgres.stop("immediate");
  writeFileSync(directory, "no folder");
  process.kill(worker.pid, "SIGTERM");
  await release();
  const said = () => worker.lines.join("\n");
  await expect.poll(said, { timeout: 10_000 }).toContain("this process alone keeps them");
  process.kill(worker.pid, "SIGTERM");
  process.kill(worker.pid, "SIGINT");
  await outlastsItsGrace(worker);
  expect(worker.isRunning()).toBe(true);

  rmSync(directory);
  expect(await worker.ended).toBe(0);
  expect(await entriesIn(directory)).toBe(1);

  await postgres.startAgain();
  expect(await generationOf(grantId)).toBe(1);
  await start("worker", { ...world.keyEnv, EVERGRANT_ESCROW_DIR: directory });
  await expect.poll(() => generationOf(grantId), { timeout: 10_000 }).toBe(2);
  await expect.poll(() => entriesIn(directory), { timeout: 10_000 }).toBe(0);
});

test("a bug in one corner of a worker does not cut off the answers that are under way", async () => {
  const bug = join(tempDir("bug"), "bug.mjs");
  writeFileSync(bug, 'process.once("SIGUSR2", () => { throw new Error("a bug in one corner"); });');
  const { worker, grantId, release } = await workerInFlight({ NODE_OPTIONS: `--import=${bug}` });
  process.kill(worker.pid, "SIGUSR2");
  await expect.poll(() => worker.lines.join("\n"), { timeout: 10_000 }).toContain("unexpected error, stopping");
  await outlastsItsGrace(worker);
  expect(worker.isRunning()).toBe(true);
  await release();
  expect(await worker.ended).toBe(1);
  expect(await generationOf(grantId)).toBe(2);
});
