import { join, resolve } from "node:path";
import { createLifecycle, createLogger, UserError } from "@evergrant/runtime";
import { startDatabase } from "./database.ts";
import { givenVariables, readStandaloneEnv } from "./env.ts";
import { startFleet } from "./fleet.ts";
import { createOperator, type Operator } from "./operator.ts";
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
  lifecycle.add("state folder", () => state.release());
  await lifecycle.start(async () => {
    const given = givenVariables();
    if (env.DATABASE_URL === undefined) {
      given.DATABASE_URL = await startDatabase(state, lifecycle);
    }
    if (env.EVERGRANT_KEY_RING === undefined && env.EVERGRANT_KEY_RING_FILE === undefined) {
      state.secret("key-ring", randomKeyRing);
      given.EVERGRANT_KEY_RING_FILE = state.file("key-ring");
      say(`Keys: ${state.file("key-ring")} (made by the first start; back it up, tokens cannot be read without it)`);
    }
    const operator = createOperator(lifecycle, given);
    const migrated = await operator(["migrate"]);
    if (migrated.code !== 0) throw new UserError(`The database could not be migrated:\n${migrated.stderr.trim()}`);

    lifecycle.add("operator's file", announceFleet(given));
    const fleet = await startFleet(state, lifecycle, {
      workers: WORKERS,
      env: given,
      metricsPort: env.EVERGRANT_METRICS_PORT,
      say,
    });
    say(`Evergrant runs. Status page: ${fleet.statusUrl}   Logs: ${state.path}   Stop: Ctrl-C`);
    await sayWhatIsNext(operator, say);
  });
}

async function sayWhatIsNext(operator: Operator, say: (line: string) => void): Promise<void> {
  const { code, stdout } = await operator(["app", "list", "--json"]);
  if (code !== 0 || JSON.parse(stdout).apps?.length !== 0) return;
  say("There is no OAuth app yet. In another terminal:");
  say("  npm run admin -- app add xero-prod --provider xero --client-id <id> --secret-file <file>");
  say("  npm run admin -- connection import connections.ndjson");
}
