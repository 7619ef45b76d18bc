import { join, resolve } from "node:path";
import { createLifecycle, createLogger, exitCodes, UserError } from "@evergrant/runtime";
import { runAdmin } from "./admin.ts";
import { startDatabase } from "./database.ts";
import { givenVariables, readStandaloneEnv } from "./env.ts";
import { startFleet } from "./fleet.ts";
import { announceFleet } from "./operator-env.ts";
import { projectRoot } from "./rooms.ts";
import { openStateFolder, randomKeyRing } from "./state-folder.ts";

const WORKERS = 2;

/**
 * Runs the fleet for the user's own apps and connections until it is told to stop: on the database of
 * DATABASE_URL, or on an embedded one whose data stays in the state folder.
 *
 * @throws UserError when something does not start
 */
export async function start(): Promise<void> {
  const env = readStandaloneEnv();
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  const state = openStateFolder(join(resolve(projectRoot, env.EVERGRANT_STATE_DIR), "start"));
  const logger = createLogger({ app: "standalone", level: "warn" });
  const lifecycle = createLifecycle({ logger, graceMs: env.EVERGRANT_SHUTDOWN_GRACE_MS });
  lifecycle.start();
  lifecycle.add("state folder", () => state.release());
  try {
    const given = givenVariables();
    if (env.DATABASE_URL === undefined) {
      const database = await startDatabase(state);
      lifecycle.add("postgres", () => database.child.stop());
      given.DATABASE_URL = database.url;
    }
    if (env.EVERGRANT_KEY_RING === undefined && env.EVERGRANT_KEY_RING_FILE === undefined) {
      state.secret("key-ring", randomKeyRing);
      given.EVERGRANT_KEY_RING_FILE = state.file("key-ring");
      say(`Keys: ${state.file("key-ring")} (made by the first start; back it up, tokens cannot be read without it)`);
    }
    const migrated = await runAdmin(["migrate"], { env: given });
    if (migrated.code !== 0) throw new UserError(`The database could not be migrated:\n${migrated.stderr.trim()}`);

    lifecycle.add("operator's file", announceFleet(given));
    const fleet = await startFleet(state, { workers: WORKERS, env: given, metricsPort: env.EVERGRANT_METRICS_PORT, say });
    lifecycle.add("fleet", () => fleet.stop());
    say(`Evergrant runs. Status page: ${fleet.statusUrl}   Logs: ${state.path}   Stop: Ctrl-C`);
    await sayWhatIsNext(given, say);
  } catch (error) {
    await lifecycle.stop("it did not start");
    throw error instanceof Error ? error : new UserError(String(error), { exitCode: exitCodes.unexpected });
  }
}

async function sayWhatIsNext(env: Readonly<Record<string, string>>, say: (line: string) => void): Promise<void> {
  const { code, stdout } = await runAdmin(["app", "list", "--json"], { env });
  if (code !== 0 || JSON.parse(stdout).apps?.length !== 0) return;
  say("There is no OAuth app yet. In another terminal:");
  say("  npm run admin -- app add xero-prod --provider xero --client-id <id> --secret-file <file>");
  say("  npm run admin -- connection import connections.ndjson");
}
