import pg from "pg";
import type { Piece } from "./find-canaries.ts";

const ROWS_AT_ONCE = 1_000;

/**
 * Every row of every table of a database, in every schema but PostgreSQL's own: the queue's tables too.
 * Bytes are read as hex. Then what each session runs at this moment.
 */
export async function* readDatabase(url: string): AsyncGenerator<Piece, void> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    for (const { name, quoted } of await listTables(client)) {
      for await (const content of readTable(client, quoted)) yield { place: `table ${name}`, content };
    }
    yield { place: "running statements", content: await runningStatements(client) };
  } finally {
    await client.end();
  }
}

interface Table {
  readonly name: string;
  readonly quoted: string;
}

async function listTables(client: pg.Client): Promise<Table[]> {
  const { rows } = await client.query<Table>(
    `SELECT format('%s.%s', schemaname, tablename) AS name, format('%I.%I', schemaname, tablename) AS quoted
     FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`,
  );
  return rows;
}

/** By a cursor: a table may be larger than the memory. */
async function* readTable(client: pg.Client, table: string): AsyncGenerator<string, void> {
  await client.query(`DECLARE content NO SCROLL CURSOR FOR SELECT to_jsonb(t)::text AS row FROM ${table} t`);
  for (;;) {
    const { rows } = await client.query<{ row: string }>(`FETCH ${ROWS_AT_ONCE} FROM content`);
    if (rows.length === 0) break;
    yield rows.map(({ row }) => row).join("\n");
  }
  await client.query("CLOSE content");
}

async function runningStatements(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ query: string }>(
    "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
  );
  return rows.map(({ query }) => query).join("\n");
}
