import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withClient } from "@evergrant/testkit";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { type Running, start, stopAll } from "./process.ts";
import { createWorld, type World } from "./world.ts";

const GRACE_MS = 200;

let world: World;
afterEach(async () => {
  await stopAll();
  await world.close();
});

/** A worker with one request under way: its provider has rotated the token, and holds the answer back. */
async function workerInFlight(env: Record<string, string> = {}) {
  world = await createWorld({ redis: false, rules: {} });
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

test("a bug in one corner of a worker does not cut off the answers that are under way", async () => {
  const folder = mkdtempSync(join(tmpdir(), "evergrant-bug-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const bug = join(folder, "bug.mjs");
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
