import { assertSchemaCompatibility, type PgPool, PostgresConnection, SchemaMigrationRequiredError } from "bullmq";
import pg from "pg";

/** The queue's tables live in a schema of their own, out of sight of Prisma's migrations. */
export const QUEUE_SCHEMA = "evergrant_queue";
export const CONNECT_TIMEOUT_MS = 2_000;
/** A session that only listens sends nothing by itself: its silent end would be noticed after hours. */
const KEEP_ALIVE_AFTER_MS = 10_000;

/**
 * BullMQ's connection over a pool of our own, at most `connectionsMax` sessions, the one that listens among them.
 *
 * It gets over a first failed contact, which BullMQ remembers for ever: a process may start before its database.
 * A session that the server ends, at whatever moment, fails the query under way or the next one and nothing else.
 */
export class RecoveringConnection extends PostgresConnection {
  override readonly schema = QUEUE_SCHEMA;
  #ready: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(databaseUrl: string, connectionsMax: number, queryTimeoutMs: number) {
    // BullMQ accepts pg's pool; only the types of the two describe `on` in ways that TypeScript cannot compare.
    super(openPool(databaseUrl, connectionsMax, queryTimeoutMs) as unknown as PgPool);
  }

  override waitUntilReady(): Promise<void> {
    this.#ready ??= this.#checkSchema().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  /** BullMQ leaves a pool that it did not make open. */
  override close(): Promise<void> {
    this.#closed ??= super.close().then(() => this.pool.end());
    return this.#closed;
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

/**
 * The server may end a session between two queries (it is restarted, an operator ends it), when nobody listens to
 * the client: its error, unheard, would end the process. The next query is told anyway.
 */
export class CalmClient extends pg.Client {
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === "error" && this.listenerCount("error") === 0) return false;
    return super.emit(event, ...args);
  }
}

function openPool(databaseUrl: string, connectionsMax: number, queryTimeoutMs: number): pg.Pool {
  // `options` in the URL would win over those below: they go in together.
  const url = new URL(databaseUrl);
  const optionsOfUrl = url.searchParams.get("options") ?? "";
  url.searchParams.delete("options");
  return new pg.Pool({
    Client: CalmClient,
    connectionString: url.href,
    options: `${optionsOfUrl} -c synchronous_commit=off -c search_path=${QUEUE_SCHEMA}`.trim(),
    application_name: "evergrant-queue",
    max: connectionsMax,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: queryTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
  });
}
