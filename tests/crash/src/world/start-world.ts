import { appendFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { migrate, openStore } from "@evergrant/store";
import { openVault, parseKeyRing, type TokenVault } from "@evergrant/store/secrets";
import { projectRoot, runRoom, startSimulatorProcess } from "@evergrant/testkit";
import { createHoldings } from "../audit/holdings.ts";
import { createLosses } from "../audit/losses.ts";
import { createRecoveryWatch } from "../audit/recovery-watch.ts";
import { apps, rules } from "./apps.ts";
import { keyRingOf, newClientSecret, plantCanaries } from "./canaries.ts";
import { createCaretaker } from "./caretaker.ts";
import { startFleet } from "./fleet.ts";
import { createPopulation, type Operator, registerApp } from "./population.ts";
import { startPostgres } from "./postgres.ts";
import { startRedis } from "./redis.ts";
import type { Backend, World } from "./world.ts";

/** A lease and a job's lock. Long enough to find out what a dead worker held before another takes it over. */
const leaseMs = 4_000;
/** An answer that takes no time would never be under way when something happens. */
const latencyMs: [number, number] = [5, 60];
/** A few take long enough for others to come by meanwhile: another tick, another fleet. */
const slowShare = 0.03;
const slowMs: [number, number] = [300, 1_200];

export interface WorldOptions {
  readonly seed: number;
  readonly backend: Backend;
  readonly connections: number;
  /** Told of a process of the fleet that ended by itself. */
  readonly onDeath: (name: string, code: number | null, wasUp: boolean) => void;
  readonly onTrouble: (what: string, error: unknown) => void;
  /** Gets the function that ends everything at once, before anything is started. */
  readonly onStart: (close: () => Promise<void>) => void;
}

/**
 * Starts the servers, the simulator and the whole fleet as processes of their own, with customers at three kinds
 * of provider. Rejects with what is missing; nothing is left running then.
 */
export async function startWorld(options: WorldOptions): Promise<World> {
  const closers: (() => Promise<unknown>)[] = [];
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= closeAll(closers);
    return closed;
  };
  options.onStart(close);
  try {
    return await raise(options, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function closeAll(closers: readonly (() => Promise<unknown>)[]): Promise<void> {
  for (const closer of closers.toReversed()) await closer().catch(() => {});
}

async function raise(
  options: WorldOptions,
  closers: (() => Promise<unknown>)[],
  close: () => Promise<void>,
): Promise<World> {
  const { backend, seed } = options;
  const folder = logFolder(seed);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const keep = <Part>(part: Part, closer: (part: Part) => Promise<unknown>): Part => {
    closers.push(() => closer(part));
    return part;
  };

  const redis = backend === "redis" ? keep(await startRedis(), (part) => part.close()) : null;
  const postgres = keep(await startPostgres(join(folder, "postgres.log")), (part) => part.close());
  const logFile = join(folder, "simulator.log");
  const canaries = plantCanaries();
  const tokenMark = canaries.tokens.secret;
  const simulator = keep(await startSimulatorProcess({ rules, seed, tokenMark, logFile }), (part) =>
    part.process.stop(),
  );
  const provider = simulator.client;
  await migrate({ databaseUrl: postgres.url });

  const keyRing = keyRingOf(canaries);
  const redisUrl = redis?.server.url ?? null;
  const escrowDir = join(folder, "escrow");
  const operator = operatorOf({ databaseUrl: postgres.url, redisUrl, keyRing, logFile: join(folder, "operator.log") });
  const vault = await openVaultOnce(postgres.url, keyRing);
  const population = createPopulation(provider, operator);
  const holdings = keep(createHoldings({ postgres, vault, provider, redisUrl, escrowDir }), (part) => part.close());
  const losses = createLosses();
  const recovery = createRecoveryWatch(postgres);
  closers.push(async () => recovery.close());

  const secrets = new Map(apps.map((app) => [app.id, newClientSecret(canaries)]));
  for (const app of apps) {
    const secret = secrets.get(app.id) ?? "";
    await registerApp(app, simulator.tokenUrls[app.kind], secret, { provider, operator, folder });
    await population.add(app, Math.round(options.connections * app.share));
  }
  await provider.setFault({ effect: { type: "latency", ms: latencyMs } });
  await provider.setFault({ effect: { type: "latency", ms: slowMs }, probability: slowShare });
  const { onDeath, onTrouble } = options;
  const fleet = keep(
    await startFleet({ databaseUrl: postgres.url, redisUrl, keyRing, escrowDir, leaseMs, folder, onDeath }),
    (part) => part.close(),
  );
  const caretaker = createCaretaker({ postgres, holdings, losses, population, operator, onTrouble });
  closers.push(() => caretaker.close());

  return {
    backend,
    folder,
    escrowDir,
    leaseMs,
    canaries,
    apps,
    secrets,
    tokenUrls: simulator.tokenUrls,
    postgres,
    redis,
    provider,
    fleet,
    operator,
    vault,
    population,
    holdings,
    losses,
    recovery,
    caretaker,
    unkept: [],
    searches: [],
    close,
  };
}

export function logFolder(seed: number): string {
  return join(projectRoot, ".evergrant", "crash", `${seed}`);
}

/** The operator's command, past every proxy. What it says is kept. */
function operatorOf({ databaseUrl, redisUrl, keyRing, logFile }: OperatorParts): Operator {
  const env = {
    DATABASE_URL: databaseUrl,
    ...(redisUrl === null ? {} : { REDIS_URL: redisUrl }),
    EVERGRANT_KEY_RING: keyRing,
    EVERGRANT_LOG_PRETTY: "false",
  };
  return async (args, input) => {
    const answer = await runRoom("admin", env, args, input);
    await appendFile(logFile, `${args.join(" ")}: ${answer.code}\n${answer.stdout}${answer.stderr}\n`);
    return answer;
  };
}

interface OperatorParts {
  readonly databaseUrl: string;
  readonly redisUrl: string | null;
  readonly keyRing: string;
  readonly logFile: string;
}

/** The keys are read once; opening and sealing happens in memory, also while the database is away. */
async function openVaultOnce(databaseUrl: string, keyRing: string): Promise<TokenVault> {
  const store = openStore({ databaseUrl, applicationName: "crash" });
  try {
    return await openVault(store, parseKeyRing(keyRing));
  } finally {
    await store.close();
  }
}
