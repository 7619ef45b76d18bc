import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { startEmbeddedPostgres } from "../postgres/embedded-postgres.ts";
import { prepareTemplateDatabase } from "../postgres/template-database.ts";
import { findPromtool } from "./find-promtool.ts";
import { type FoundRedis, findRedis, redisRemedy } from "./find-redis.ts";
import type {} from "./provided-context.ts";

/**
 * vitest's global setup: one PostgreSQL server with the migrated template for the whole run, and
 * Redis where it can be had. Their addresses reach the tests by `inject("postgresUrl")` and
 * `inject("redisUrl")`. Without Redis a run with CI=true fails here; any other goes on without it.
 * Returns the teardown, after which no process and no file is left.
 */
export default async function startServices(project: TestProject): Promise<() => Promise<void>> {
  const stops: (() => Promise<void>)[] = [];
  const stopAll = async () => {
    for (const stop of stops.reverse()) await stop();
  };
  try {
    const redis = await redisOrFail();
    if (redis) stops.push(redis.stop);
    const postgresUrl = await startPostgres(stops);
    project.provide("postgresUrl", postgresUrl);
    project.provide("redisUrl", redis?.url ?? null);
    project.provide("promtool", await findPromtool(say));
  } catch (error) {
    await stopAll();
    throw error;
  }
  return stopAll;
}

const say = (line: string) => void process.stderr.write(`${line}\n`);

async function redisOrFail(): Promise<FoundRedis | undefined> {
  const { REDIS_URL, CI } = process.env;
  const redis = await findRedis({ redisUrl: REDIS_URL, say });
  if (!redis && CI === "true") throw new Error(`CI=true asks for every suite, but there is no Redis. ${redisRemedy}`);
  return redis;
}

async function startPostgres(stops: (() => Promise<void>)[]): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), "evergrant-test-postgres-"));
  stops.push(() => rm(dataDir, { recursive: true, force: true }));
  // Three quarters of an hour off the full hour: a timestamp that leans on the server's zone shows.
  const postgres = await startEmbeddedPostgres({ dataDir, durable: false, timeZone: "Pacific/Chatham" });
  stops.push(postgres.stop);
  await prepareTemplateDatabase(postgres.url);
  return postgres.url;
}
