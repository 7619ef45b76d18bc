import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { type Lifecycle, UserError } from "@evergrant/runtime";
import pg from "pg";
import { startChild } from "./child.ts";
import { entry } from "./rooms.ts";
import { randomPassword, type StateFolder } from "./state-folder.ts";

const DATABASE = "evergrant";
const STOP_LEFTOVER_MS = 10_000;

/**
 * Starts the embedded PostgreSQL in the state folder and makes sure of its database. A server that a
 * killed supervisor left behind is stopped first.
 *
 * @returns its address, with the password
 *
 * @throws UserError with the server's last words when it does not come up
 */
export async function startDatabase(state: StateFolder, lifecycle: Pick<Lifecycle, "add">): Promise<string> {
  const dataDir = state.file("postgres");
  await stopLeftover(`${dataDir}/postmaster.pid`);
  const port = await state.port("postgres");
  const password = state.secret("postgres.password", randomPassword);
  const child = startChild({
    name: "postgres",
    app: null,
    file: entry.postgres,
    args: [JSON.stringify({ dataDir, port, password })],
    logFile: state.file("postgres.log"),
  });
  lifecycle.add("postgres", () => child.stop());
  const up = await Promise.race([once(child.process, "message").then(() => true), child.ended.then(() => false)]);
  if (!up) throw new UserError(`PostgreSQL did not start in ${dataDir}:\n${child.lastLines()}`);
  const url = (database: string) => `postgresql://evergrant:${password}@127.0.0.1:${port}/${database}`;
  await createDatabase(url("postgres"));
  return url(DATABASE);
}

async function createDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [DATABASE]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  } finally {
    await client.end();
  }
}

/** The first line of postmaster.pid is the server's process id, the second its data folder. */
async function stopLeftover(pidFile: string): Promise<void> {
  if (!existsSync(pidFile)) return;
  const [pid = "", dataDir = ""] = readFileSync(pidFile, "utf8").split("\n");
  if (!pidFile.startsWith(dataDir)) return;
  try {
    process.kill(Number(pid), "SIGINT");
    for (let waited = 0; waited < STOP_LEFTOVER_MS && existsSync(pidFile); waited += 100) await delay(100);
  } catch {
    // It is gone already; PostgreSQL clears the file by itself.
  }
}
