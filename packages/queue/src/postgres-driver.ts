import { setTimeout as pause } from "node:timers/promises";
import {
  assertSchemaCompatibility,
  PostgresConnection,
  type PostgresConnectionOptions,
  type PostgresPoolConfig,
  PostgresQueueBackend,
  type QueueBaseOptions,
  runMigrations,
  SchemaMigrationRequiredError,
} from "bullmq";
import pg from "pg";
import { type QueueDriver, restAfterFailedFetch } from "./queue-driver.ts";

/** The queue's tables live in a schema of their own, out of sight of Prisma's migrations. */
const QUEUE_SCHEMA = "evergrant_queue";

const PRODUCER_CONNECTIONS = 3;
/** Beside these a worker holds one connection that listens. */
const CONSUMER_CONNECTIONS = 4;
const CONNECT_TIMEOUT_MS = 2_000;
const PRODUCER_QUERY_TIMEOUT_MS = 4_000;
const CONSUMER_QUERY_TIMEOUT_MS = 15_000;
const LISTEN_SECONDS_MAX = 5;
const MAXED_PAUSE_MS = 100;

/**
 * BullMQ's Postgres backend, for fleets that need no Redis.
 *
 * Workers are woken by LISTEN/NOTIFY (so the URL may not lead through a pooler in transaction mode); polling every 5 s is
 * only the net below. Commits are asynchronous: a queue holds hints, and one that is lost in a crash is offered again.
 *
 * Connections: at most 3 for all producers of a process, and at most 5 for each worker.
 */
export function createPostgresDriver(databaseUrl: string, report: (error: Error) => void): QueueDriver {
  const shared = new RecoveringConnection(poolConfig(databaseUrl, PRODUCER_CONNECTIONS, PRODUCER_QUERY_TIMEOUT_MS));
  shared.on("error", report);

  return {
    kind: "postgres",
    producer: (name, options) => new CalmPostgresBackend(shared, name, postgresOptions(options), false),
    openConsumer: () => {
      const config = poolConfig(databaseUrl, CONSUMER_CONNECTIONS, CONSUMER_QUERY_TIMEOUT_MS);
      const connection = new RecoveringConnection(config);
      return {
        factory: (name, options) =>
          restAfterFailedFetch(new CalmPostgresBackend(connection, name, postgresOptions(options), true)),
        close: () => connection.close(),
        drop: () => void connection.close().catch(() => {}),
      };
    },
    alone: (name, work) => holdingLock(shared, name, work),
    prepare: () => migrateQueueSchema(databaseUrl),
    ping: async () => {
      await shared.waitUntilReady();
      await shared.pool.query("SELECT 1");
    },
    close: () => shared.close(),
  };
}

/** BullMQ remembers a first failed contact for ever; a process that starts before its database has to get over it. */
class RecoveringConnection extends PostgresConnection {
  #ready: Promise<void> | undefined;

  override waitUntilReady(): Promise<void> {
    this.#ready ??= this.#checkSchema().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #checkSchema(): Promise<void> {
    const client = await this.pool.connect();
    try {
      await assertSchemaCompatibility(client, this.schema);
    } catch (error) {
      if (!(error instanceof SchemaMigrationRequiredError)) throw error;
      throw new Error(`The queue's tables (schema ${this.schema}) are missing: run "evergrant migrate".`, {
        cause: error,
      });
    } finally {
      client.release();
    }
  }
}

class CalmPostgresBackend extends PostgresQueueBackend {
  /** BullMQ's own remembers a first failure too: jobs would be taken and could never be marked as done. */
  override waitUntilReady(): Promise<void> {
    return this.connection.waitUntilReady();
  }

  /** BullMQ's own hour would be the delay of a tick whose wake-up was lost. */
  override get maximumBlockTimeout(): number {
    return LISTEN_SECONDS_MAX;
  }

  /**
   * A queue at its global concurrency still has jobs waiting, which ends BullMQ's wait at once: an idle slot would ask for a
   * job that it may not have, without a pause. It rests here instead.
   */
  override async waitForJob(blockTimeoutSeconds: number): Promise<{ member: string; score: number } | null> {
    if (!(await this.isMaxed())) return super.waitForJob(Math.min(blockTimeoutSeconds, LISTEN_SECONDS_MAX));
    await pause(MAXED_PAUSE_MS);
    return null;
  }
}

/** Between queries nobody else hears of a lost connection, and what nobody hears ends the process; the next query rejects. */
const ignore = (): void => {};
/** Those that are already listened to: a pool hands them out again. */
const heard = new WeakSet<object>();

/** A lock of the transaction, not of the session: it ends with its connection, whatever happens to this process. */
async function holdingLock(connection: RecoveringConnection, name: string, work: () => Promise<void>): Promise<void> {
  const client = await connection.pool.connect();
  let broken = true;
  if (!heard.has(client)) client.on("error", ignore);
  heard.add(client);
  try {
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock(hashtext($1))", [`evergrant:${name}`]);
    await work();
    await client.query("COMMIT");
    broken = false;
  } finally {
    client.release(broken); // Destroying the connection also ends its transaction.
  }
}

/** Many pods may call it at once: BullMQ's migrator takes an advisory lock and runs all steps in one transaction. */
async function migrateQueueSchema(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on("error", ignore);
  await client.connect();
  try {
    await runMigrations(client, QUEUE_SCHEMA);
  } finally {
    await client.end();
  }
}

function poolConfig(databaseUrl: string, connectionsMax: number, queryTimeoutMs: number): PostgresPoolConfig {
  // `options` in the URL would win over the ones that BullMQ adds (its search_path): they go in together.
  const url = new URL(databaseUrl);
  const optionsOfUrl = url.searchParams.get("options") ?? "";
  url.searchParams.delete("options");
  return {
    connectionString: url.href,
    schema: QUEUE_SCHEMA,
    options: `${optionsOfUrl} -c synchronous_commit=off`.trim(),
    application_name: "evergrant-queue",
    max: connectionsMax,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: queryTimeoutMs,
    keepAlive: true,
  };
}

/** The connection in the options is only there because BullMQ asks for one; the driver's own is used. */
function postgresOptions(options: QueueBaseOptions<unknown>): QueueBaseOptions<PostgresConnectionOptions> {
  return { ...options, connection: "" };
}
