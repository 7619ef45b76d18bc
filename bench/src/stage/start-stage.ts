import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "@evergrant/store";
import {
  databaseUrl,
  type RunningPostgres,
  type SimulatorClient,
  startEmbeddedPostgres,
  startRedisServer,
  startSimulatorProcess,
  withClient,
} from "@evergrant/testkit";

const template = "bench_template";

/** What both sides of a measurement run against: one PostgreSQL, one Redis, one provider simulator. */
export interface Stage {
  readonly redisUrl: string;
  readonly simulator: SimulatorClient;
  /** Xero's token endpoint, as the simulator plays it. */
  readonly tokenUrl: string;
  /** What was measured against, as the servers themselves say it. */
  readonly servers: Readonly<Record<"postgres" | "fsync" | "synchronousCommit", string>>;
  /** Makes a migrated database for the work given and drops it after, whatever the work does. */
  withDatabase<Result>(work: (url: string) => Promise<Result>): Promise<Result>;
  /** Writes out what was loaded and gathers statistics, so that no measurement pays for it. */
  settleDisk(url: string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the servers as processes of their own, on loopback and free ports, with their files in a
 * temporary folder. PostgreSQL is durable (fsync on) and has its default settings. SIGINT and SIGTERM
 * stop them and end this process.
 *
 * @throws Error that says what is missing, such as redis-server on PATH; nothing is left running then
 */
export async function startStage(): Promise<Stage> {
  const stops: Stop[] = [];
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopAll(stops);
    return stopped;
  };
  stopOnSignal(stop);
  try {
    return await raise(stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

type Stop = () => void | Promise<void>;

async function stopAll(stops: readonly Stop[]): Promise<void> {
  for (const stop of stops.toReversed()) await stop();
}

function stopOnSignal(stop: () => Promise<void>): void {
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    process.once(signal, () => {
      process.exitCode = code;
      void stop().finally(() => process.exit());
    });
  }
}

async function raise(stops: Stop[], stop: () => Promise<void>): Promise<Stage> {
  const redis = await startRedisServer();
  stops.push(() => redis.stop());
  const simulator = await startSimulatorProcess();
  stops.push(async () => void (await simulator.process.stop()));
  const postgres = await startPostgres(stops);
  await migrate({ databaseUrl: databaseUrl(postgres.url, template) });

  return {
    redisUrl: redis.url,
    simulator: simulator.client,
    tokenUrl: simulator.tokenUrls.xero,
    servers: await describeServer(postgres.url),
    withDatabase: (work) => withDatabase(postgres.url, work),
    settleDisk: (url) =>
      withClient(url, async (client) => {
        await client.query("VACUUM (ANALYZE)");
        await client.query("CHECKPOINT");
      }),
    stop,
  };
}

async function startPostgres(stops: Stop[]): Promise<RunningPostgres> {
  const dataDir = await mkdtemp(join(tmpdir(), "evergrant-bench-"));
  stops.push(() => rm(dataDir, { recursive: true, force: true }));
  const starting = startEmbeddedPostgres({ dataDir });
  // Also when it is told to stop before it is up.
  stops.push(async () => (await starting.catch(() => undefined))?.stop());
  return starting;
}

let databases = 0;

async function withDatabase<Result>(serverUrl: string, work: (url: string) => Promise<Result>): Promise<Result> {
  databases += 1;
  const name = `bench_${databases}`;
  const ask = (sql: string) => withClient(serverUrl, (client) => client.query(sql));
  await ask(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  try {
    return await work(databaseUrl(serverUrl, name));
  } finally {
    await ask(`DROP DATABASE ${name} WITH (FORCE)`);
  }
}

async function describeServer(url: string): Promise<Stage["servers"]> {
  const { rows } = await withClient(url, (client) =>
    client.query(`SELECT current_setting('server_version') AS postgres, current_setting('fsync') AS fsync,
                         current_setting('synchronous_commit') AS "synchronousCommit"`),
  );
  return rows[0];
}
