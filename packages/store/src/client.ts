import { Socket } from "node:net";
import { PrismaPg } from "@prisma/adapter-pg";
import pg from "pg";
import { hideValues } from "./client-errors.ts";
import { PrismaClient } from "./generated/client.ts";

export { toBase64 } from "./client-parameters.ts";

const connectTimeoutMs = 5_000;
const keepAliveAfterMs = 10_000;
const idleTimeoutMs = 20_000;

export interface StoreOptions {
  /** `postgresql://user:password@host:port/database`, with `?sslmode=…` where wanted. */
  databaseUrl: string;
  /** The most connections that this process holds at once. */
  poolSize?: number;
  /** Seen by the operator in pg_stat_activity: which process a session belongs to. */
  applicationName: string;
  /** How long the server may work on one statement, waiting for locks included. */
  statementTimeoutMs?: number;
  /** How long a statement may wait for a row that somebody holds; as long as statementTimeoutMs when not said. */
  lockTimeoutMs?: number;
  /** Told of an idle connection that broke: the server, or the way to it, was in trouble. */
  onBroken?(error: Error): void;
  /** How long a busy connection may say nothing before it is given up; above statementTimeoutMs. */
  silenceTimeoutMs?: number;
}

export interface Store {
  readonly prisma: PrismaClient;
  /** One round trip; rejects when the database does not answer. */
  ping(): Promise<void>;
  /** Ends the connections. Stop the work first: what is handed in at the same moment may fail. May be called again. */
  close(): Promise<void>;
}

/**
 * Opens the store over a pool of its own; nothing is connected before the first statement.
 *
 * A server that goes away fails the statements under way and nothing else: the next one connects
 * anew. Every statement ends within silenceTimeoutMs, also when the server's host vanishes without
 * a word (a failover), which TCP alone would notice after a quarter of an hour. A transaction that
 * this process leaves open, because it was frozen, is rolled back by the server.
 *
 * A commit that was acknowledged has reached the disk, also where the server, the database or the role has
 * `synchronous_commit` off: it may be the only copy of a token.
 *
 * Errors name constraints and codes, never a value of a row or a parameter; see client-errors.ts.
 */
export function openStore(options: StoreOptions): Store {
  const { statementTimeoutMs = 30_000 } = options;
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    application_name: options.applicationName,
    max: options.poolSize ?? 10,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
    onConnect: (client) => prepareConnection(client, options),
  });
  // An idle connection that breaks is replaced at the next use; unheard, its error would end the process.
  pool.on("error", (error) => options.onBroken?.(error));
  const prisma = new PrismaClient({
    adapter: new PrismaPg(pool, { statementNameGenerator: ({ sql }) => preparedName(sql) }),
    errorFormat: "minimal",
    transactionOptions: { maxWait: connectTimeoutMs, timeout: statementTimeoutMs },
  });

  let closed: Promise<void> | undefined;
  const close = async () => {
    await prisma.$disconnect();
    await pool.end();
  };
  return {
    prisma,
    ping: async () => {
      await prisma.$queryRaw`SELECT 1`;
    },
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

/**
 * A statement that begins with a name in a comment is prepared once on each connection: planning the two
 * hot ones takes as long as a third of running them. All others stay unprepared: their texts are without number.
 */
function preparedName(sql: string): string {
  return /^\s*\/\* prepared: (\w+) \*\//.exec(sql)?.[1] ?? "";
}

async function prepareConnection(client: pg.ClientBase, options: StoreOptions): Promise<void> {
  const { statementTimeoutMs = 30_000, lockTimeoutMs = 0, silenceTimeoutMs = 40_000 } = options;
  if (client instanceof pg.Client) {
    client.connection.prependListener("errorMessage", hideValues);
    endWhenSilent(client.connection.stream, silenceTimeoutMs);
  }
  // Prisma's adapter sends dates without a zone and reads them as UTC, whatever the session says.
  // Set by statement: connection poolers refuse unknown start-up parameters.
  await client.query(
    `SET TIME ZONE 'UTC';
     SET statement_timeout = ${statementTimeoutMs};
     SET lock_timeout = ${lockTimeoutMs};
     SET idle_in_transaction_session_timeout = ${statementTimeoutMs};
     SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`,
  );
}

/** Idle connections are closed sooner, so silence of this length means a statement without an answer. */
function endWhenSilent(stream: unknown, silenceTimeoutMs: number): void {
  if (!(stream instanceof Socket)) return;
  stream.setTimeout(silenceTimeoutMs, () => stream.destroy(new Error("Connection terminated: the server is silent")));
}
