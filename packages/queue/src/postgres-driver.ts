import { setTimeout as pause } from "node:timers/promises";
import { type PostgresConnectionOptions, PostgresQueueBackend, type QueueBaseOptions, runMigrations } from "bullmq";
import { CalmClient, CONNECT_TIMEOUT_MS, QUEUE_SCHEMA, RecoveringConnection } from "./postgres-connection.ts";
import { type QueueDriver, restAfterFailedFetch } from "./queue-driver.ts";

const PRODUCER_CONNECTIONS = 3;
/** One of them listens. */
const CONSUMER_CONNECTIONS = 5;
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
  const shared = new RecoveringConnection(databaseUrl, PRODUCER_CONNECTIONS, PRODUCER_QUERY_TIMEOUT_MS);
  shared.on("error", report);

  return {
    kind: "postgres",
    producer: (name, options) => new CalmPostgresBackend(shared, name, postgresOptions(options), false),
    openConsumer: () => {
      const connection = new RecoveringConnection(databaseUrl, CONSUMER_CONNECTIONS, CONSUMER_QUERY_TIMEOUT_MS);
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

/** A lock of the transaction, not of the session: it ends with its connection, whatever happens to this process. */
async function holdingLock(connection: RecoveringConnection, name: string, work: () => Promise<void>): Promise<void> {
  const client = await connection.pool.connect();
  let broken = true;
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
  const client = new CalmClient({ connectionString: databaseUrl, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  await client.connect();
  try {
    await runMigrations(client, QUEUE_SCHEMA);
  } finally {
    await client.end();
  }
}

/** The connection in the options is only there because BullMQ asks for one; the driver's own is used. */
function postgresOptions(options: QueueBaseOptions<unknown>): QueueBaseOptions<PostgresConnectionOptions> {
  return { ...options, connection: "" };
}
