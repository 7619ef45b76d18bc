import pg from "pg";

const connectTimeoutMs = 10_000;
const missingDatabase = "3D000";
const databaseExists = new Set(["42P04", "23505"]);

/** Makes the database of the address when the server has none of its name; harmless when several do so at once. */
export async function createMissingDatabase(databaseUrl: string): Promise<void> {
  const url = new URL(databaseUrl);
  const name = decodeURIComponent(url.pathname.slice(1));
  if (name === "" || (await exists(databaseUrl))) return;
  url.pathname = "/postgres";
  await withConnection(url.href, (client) =>
    client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`).catch((error: unknown) => {
      if (databaseExists.has(sqlState(error))) return;
      throw new Error(`There is no database "${name}", and it could not be created: ${(error as Error).message}.`, {
        cause: error,
      });
    }),
  );
}

/** Opens a connection for the work given and closes it, whatever the work does. */
export async function withConnection<Result>(
  databaseUrl: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: "evergrant-migrate",
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  });
  // A connection that breaks is told by the statement under way or the next one.
  client.on("error", () => {});
  await client.connect();
  try {
    // Migrations take the time they take, whatever the server's defaults are.
    await client.query("SET TIME ZONE 'UTC'; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0");
    return await work(client);
  } finally {
    await client.end();
  }
}

async function exists(databaseUrl: string): Promise<boolean> {
  try {
    return await withConnection(databaseUrl, async () => true);
  } catch (error) {
    if (sqlState(error) === missingDatabase) return false;
    throw error;
  }
}

function sqlState(error: unknown): string {
  return error instanceof pg.DatabaseError ? (error.code ?? "") : "";
}
