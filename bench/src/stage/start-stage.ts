import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "@evergrant/store";
import { databaseUrl, SimulatorClient, startEmbeddedPostgres, startRedisServer, withClient } from "@evergrant/testkit";
import { startChild } from "./child.ts";
import { projectRoot } from "./project-root.ts";

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
 * temporary folder. PostgreSQL is durable (fsync on) and has its default settings.
 *
 * @throws Error that says what is missing, such as redis-server on PATH; nothing is left running then
 */
export async function startStage(): Promise<Stage> {
  const stops: (() => void | Promise<void>)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    return await raise(stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function raise(stops: (() => void | Promise<void>)[], stop: () => Promise<void>): Promise<Stage> {
  const redis = await startRedisServer();
  stops.push(() => redis.stop());
  const simulatorProcess = startChild({
    name: "the simulator",
    file: join(projectRoot, "packages/testkit/bin/evergrant-simulator.mjs"),
    args: ["--json"],
  });
  stops.push(() => simulatorProcess.stop());
  const simulator = JSON.parse(await simulatorProcess.firstLine());

  const dataDir = await mkdtemp(join(tmpdir(), "evergrant-bench-"));
  const removeData = () => rmSync(dataDir, { recursive: true, force: true });
  process.once("exit", removeData);
  stops.push(removeData);
  const postgres = await startEmbeddedPostgres({ dataDir });
  stops.push(() => postgres.stop());
  await migrate({ databaseUrl: databaseUrl(postgres.url, template) });

  return {
    redisUrl: redis.url,
    simulator: new SimulatorClient(simulator.url),
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
