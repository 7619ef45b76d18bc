import pg from "pg";
import { hideValues } from "../client-errors.ts";
import type { QuerySource } from "./query-source.ts";

const CONNECT_TIMEOUT_MS = 5_000;

export interface QuerySourceOptions {
  readonly databaseUrl: string;
  /** Seen by the operator in pg_stat_activity. */
  readonly applicationName: string;
  /** How long the server may work on one statement, waiting for locks included. */
  readonly statementTimeoutMs?: number;
}

export interface OpenQuerySource extends QuerySource {
  /** Ends the connections. */
  close(): Promise<void>;
}

/**
 * Opens the database for a process that runs a few statements and ends: the plain driver, without
 * Prisma, whose query compiler takes longer to start (0.2 s of CPU) than such a process has to live.
 *
 * Times go out as text with their zone, so the session's zone does not matter. Errors name codes and
 * constraints, never a value of a row.
 */
export function openQuerySource({
  databaseUrl,
  applicationName,
  statementTimeoutMs = 30_000,
}: QuerySourceOptions): OpenQuerySource {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    application_name: applicationName,
    max: 2,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: statementTimeoutMs,
    onConnect: (client) => {
      if (client instanceof pg.Client) client.connection.prependListener("errorMessage", hideValues);
    },
  });
  // An idle connection that breaks is replaced at the next use; unheard, its error would end the process.
  pool.on("error", () => {});
  return {
    prisma: {
      async $queryRaw<Rows>(query: TemplateStringsArray, ...values: readonly unknown[]): Promise<Rows> {
        const text = query.reduce((before, part, index) => `${before}$${index}${part}`);
        const { rows } = await pool.query({ text, values: values.map(toParameter) });
        return rows as Rows;
      },
    },
    close: () => pool.end(),
  };
}

/** The driver would write a date in the zone of this process. */
function toParameter(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  return Array.isArray(value) ? value.map(toParameter) : value;
}
