import type pg from "pg";
import { withConnection } from "./migrate-connection.ts";
import { defaultMigrationsDir, type MigrationFiles, readMigrationFiles } from "./migrate-files.ts";

const undefinedTable = "42P01";

export interface PendingOptions {
  databaseUrl: string;
  /** Absent, the project's own. */
  migrationsDir?: string;
}

/**
 * The names of the migrations that the database still lacks, in order; all of them for an empty one.
 * Changes nothing and needs no engine, so that every process can ask at its start. Migrations that
 * only the database knows, because a newer release was here, are none of its business.
 */
export async function pendingMigrations(options: PendingOptions): Promise<string[]> {
  const files = await readMigrationFiles(options.migrationsDir ?? defaultMigrationsDir);
  return withConnection(options.databaseUrl, (client) => findPending(client, files));
}

export async function findPending(client: pg.Client, files: MigrationFiles): Promise<string[]> {
  const applied = await readApplied(client);
  return files.migrations.map(({ name }) => name).filter((name) => !applied.has(name));
}

async function readApplied(client: pg.Client): Promise<Set<string>> {
  try {
    const { rows } = await client.query<{ name: string }>(
      `SELECT migration_name AS name FROM "_prisma_migrations" WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`,
    );
    return new Set(rows.map((row) => row.name));
  } catch (error) {
    if ((error as { code?: unknown }).code === undefinedTable) return new Set();
    throw error;
  }
}
