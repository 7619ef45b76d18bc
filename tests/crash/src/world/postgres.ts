import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { databaseUrl, type RunningPostgres, startEmbeddedPostgres } from "@evergrant/testkit";
import pg from "pg";

const database = "crash";
const startAttempts = 5;

/** The fleet's PostgreSQL: a server that can be stopped and started again on the same port and data. */
export interface Postgres {
  readonly port: number;
  /** Straight to the server, past every proxy. */
  readonly url: string;
  readonly isUp: boolean;
  /** @throws the driver's error, also while the server is away */
  query<Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Runs the work on one session. */
  session(work: (query: Postgres["query"]) => Promise<void>): Promise<void>;
  stop(mode: "fast" | "immediate"): Promise<void>;
  start(): Promise<void>;
  /** Ends the server and removes its data. */
  close(): Promise<void>;
}

/** Durable (fsync on), with an empty database for the fleet. */
export async function startPostgres(logFile: string): Promise<Postgres> {
  const dataDir = await mkdtemp(join(tmpdir(), "evergrant-crash-"));
  let server: RunningPostgres | null = await startEmbeddedPostgres({ dataDir, logFile, maxConnections: 300 });
  const { port } = server;
  const url = databaseUrl(server.url, database);
  await withServer(server.url, (client) => client.query(`CREATE DATABASE ${database}`));
  const pool = new pg.Pool({
    connectionString: url,
    max: 4,
    application_name: "crash",
    connectionTimeoutMillis: 5_000,
  });
  // A session that the server ended is replaced at the next use.
  pool.on("error", () => {});

  return {
    port,
    url,
    get isUp() {
      return server !== null;
    },
    query: async (sql, values = []) => (await pool.query(sql, [...values])).rows,
    session: (work) => onOneSession(pool, work),
    async stop(mode) {
      const stopping = server;
      server = null;
      await stopping?.stop(mode);
    },
    async start() {
      server = await startAgain({ dataDir, logFile, port });
    },
    async close() {
      await pool.end();
      await server?.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Its memory may be held by the last session of the server before for a moment. */
async function startAgain(where: {
  readonly dataDir: string;
  readonly logFile: string;
  readonly port: number;
}): Promise<RunningPostgres> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startEmbeddedPostgres({ ...where, maxConnections: 300 });
    } catch (error) {
      if (attempt === startAttempts) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function withServer(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

async function onOneSession(pool: pg.Pool, work: (query: Postgres["query"]) => Promise<void>): Promise<void> {
  const client = await pool.connect();
  // A server that goes away is told by the query that fails.
  const ignore = () => {};
  client.on("error", ignore);
  let isBroken = true;
  try {
    await work(async (sql, values = []) => (await client.query(sql, [...values])).rows);
    isBroken = false;
  } finally {
    client.off("error", ignore);
    client.release(isBroken);
  }
}
