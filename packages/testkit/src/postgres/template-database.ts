import { createHash, randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";

export const templateDatabase = "evergrant_template";

// The same depth from src/ and from dist/.
const migrationsDir = fileURLToPath(new URL("../../../../prisma/migrations", import.meta.url));

// As Prisma's engine makes it, so that an app which looks for pending migrations finds none here.
const ledger = `
  CREATE TABLE "_prisma_migrations" (
    "id" VARCHAR(36) PRIMARY KEY NOT NULL,
    "checksum" VARCHAR(64) NOT NULL,
    "finished_at" TIMESTAMPTZ,
    "migration_name" VARCHAR(255) NOT NULL,
    "logs" TEXT,
    "rolled_back_at" TIMESTAMPTZ,
    "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(),
    "applied_steps_count" INTEGER NOT NULL DEFAULT 0
  )`;

/**
 * Makes the database that each test database is a copy of: every migration applied, no session
 * allowed. The scripts are run as they stand, because testkit must not depend on the store whose
 * tests it serves; the store's own tests show that its migrator finds nothing left to do in a copy.
 */
export async function prepareTemplateDatabase(serverUrl: string): Promise<void> {
  await withClient(serverUrl, (client) => client.query(`CREATE DATABASE ${templateDatabase}`));
  await withClient(databaseUrl(serverUrl, templateDatabase), applyMigrations);
  await withClient(serverUrl, (client) =>
    client.query(`ALTER DATABASE ${templateDatabase} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false`),
  );
}

/** The address of another database on the same server. */
export function databaseUrl(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

/** Opens one connection for the work given and closes it, whatever the work does. */
export async function withClient<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url });
  // A server that goes away is told by the query that fails; an idle session's end is no news.
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function applyMigrations(client: pg.Client): Promise<void> {
  await client.query(ledger);
  const names = readdirSync(migrationsDir).filter((name) => existsSync(join(migrationsDir, name, "migration.sql")));
  for (const name of names.sort()) {
    const script = readFileSync(join(migrationsDir, name, "migration.sql"), "utf8");
    await client.query(script);
    await client.query(
      `INSERT INTO "_prisma_migrations" ("id", "checksum", "finished_at", "migration_name", "applied_steps_count")
       VALUES ($1, $2, now(), $3, 1)`,
      [randomUUID(), createHash("sha256").update(script).digest("hex"), name],
    );
  }
}
