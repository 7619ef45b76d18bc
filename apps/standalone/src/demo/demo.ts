import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createLifecycle, createLogger, type ExitCode, exitCodes, type Lifecycle, UserError } from "@evergrant/runtime";
import { startDatabase } from "../database.ts";
import { readStandaloneEnv, type StandaloneEnv } from "../env.ts";
import { type Fleet, startFleet } from "../fleet.ts";
import { createOperator, type Operator } from "../operator.ts";
import { announceFleet } from "../operator-env.ts";
import { projectRoot } from "../rooms.ts";
import { openStateFolder, randomKeyRing, type StateFolder } from "../state-folder.ts";
import { bringCustomers } from "./customers.ts";
import { FLEET_ENV } from "./lifetimes.ts";
import { showLive } from "./live-line.ts";
import { callTheRoll } from "./roll-call.ts";
import { type DemoSimulator, startDemoSimulator } from "./simulator.ts";
import { readTotals } from "./totals.ts";

const WORKERS = 2;

export interface DemoOptions {
  /** Stops by itself after so long; null runs until it is told to stop. */
  readonly forMs: number | null;
  /** The result as one line of JSON on standard output, everything else on standard error. */
  readonly json: boolean;
  /** Forgets an earlier demo first. */
  readonly fresh: boolean;
}

interface Running {
  readonly operator: Operator;
  readonly simulator: DemoSimulator;
  readonly fleet: Fleet;
}

/**
 * The whole system on one machine, against a simulator of Xero and QuickBooks whose time runs faster:
 * real processes, a real database, the same import that a user does. It touches nothing but its own
 * state folder, and continues where an earlier one stopped.
 *
 * @returns 0; with `forMs`, 1 when the roll call at the end found a fault of ours
 * @throws UserError when something does not start
 */
export async function demo(options: DemoOptions): Promise<ExitCode> {
  const env = readStandaloneEnv();
  const folder = join(resolve(projectRoot, env.EVERGRANT_STATE_DIR), "demo");
  const state = openStateFolder(folder);
  const told = new Promise<"told">((done) => {
    // The lifecycle listens too and stops everything; this only ends the waiting below.
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => done("told"));
  });
  const lifecycle = createLifecycle({
    logger: createLogger({ app: "demo", level: "warn" }),
    graceMs: env.EVERGRANT_SHUTDOWN_GRACE_MS,
  });
  try {
    const running: Running[] = [];
    await lifecycle.start(async () => {
      running.push(await startAll(options, env, state, lifecycle));
    });
    const [all] = running;
    if (all === undefined) return lifecycle.stop("nothing runs");
    return await runFor(options, all, told, lifecycle);
  } catch (error) {
    // What was going on when the stop came fails for want of what was stopped.
    if (lifecycle.isStopping && (await isSettled(told))) return lifecycle.stop("told to stop");
    throw error;
  }
}

/** True when the promise has an answer already. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

async function startAll(
  options: DemoOptions,
  env: StandaloneEnv,
  state: StateFolder,
  lifecycle: Lifecycle,
): Promise<Running> {
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  lifecycle.add("state folder", () => state.release());
  if (options.fresh) state.empty();

  say("Starting PostgreSQL and the provider simulator…");
  const [databaseUrl, simulator] = await Promise.all([
    startDatabase(state, lifecycle),
    startDemoSimulator(state, lifecycle),
  ]);
  state.secret("key-ring", randomKeyRing);
  const given = {
    DATABASE_URL: databaseUrl,
    EVERGRANT_KEY_RING_FILE: state.file("key-ring"),
    EVERGRANT_LOG_LEVEL: "info",
    ...FLEET_ENV,
  };
  const operator = createOperator(lifecycle, given);
  const migrated = await operator(["migrate"]);
  if (migrated.code !== 0) throw new UserError(`The database could not be migrated:\n${migrated.stderr.trim()}`);

  say("Starting scheduler, two workers and metrics; importing customers…");
  const [fleet, connections] = await Promise.all([
    startFleet(state, lifecycle, { workers: WORKERS, env: given, metricsPort: env.EVERGRANT_METRICS_PORT, say }),
    bringCustomers(simulator.client, simulator.tokenUrls, state, operator),
  ]);
  lifecycle.add("operator's file", announceFleet(given));
  say(`${connections} connections are kept alive. Status page: ${fleet.statusUrl}`);
  return { operator, simulator, fleet };
}

async function runFor(
  options: DemoOptions,
  { operator, simulator, fleet }: Running,
  told: Promise<"told">,
  lifecycle: Lifecycle,
): Promise<ExitCode> {
  const before = await readTotals(fleet.statusUrl);
  await simulator.disturb();
  const stopShowing = showLive(fleet.statusUrl, before);
  lifecycle.add("live line", stopShowing);
  const end = options.forMs === null ? told : Promise.race([told, delay(options.forMs, "over" as const)]);
  if ((await end) === "told") return lifecycle.stop("told to stop");

  stopShowing();
  const result = await callTheRoll({ simulator, statusUrl: fleet.statusUrl, operator, before });
  const stopped = await lifecycle.stop("the time is over");
  const { faults, ...figures } = result;
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  process.stdout.write(options.json ? `${JSON.stringify(figures)}\n` : inWords(figures));
  return faults.length === 0 ? stopped : exitCodes.unexpected;
}

function inWords(figures: Readonly<Record<string, number>>): string {
  return Object.entries(figures)
    .map(([name, figure]) => `${name.padEnd(16)}${figure}\n`)
    .join("");
}
