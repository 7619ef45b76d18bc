import type pg from "pg";
import { createMissingDatabase, withConnection } from "./migrate-connection.ts";
import { noFilters, openSchemaEngine, type SchemaEngine, toMigrationList } from "./migrate-engine.ts";
import { defaultMigrationsDir, type MigrationFiles, readMigrationFiles } from "./migrate-files.ts";
import { findPending } from "./migrate-pending.ts";

// The engine's own, which it would take again on the same session: no other migrator of Prisma's can be at work either.
const advisoryLock = 72707369;

export interface MigrateOptions {
  databaseUrl: string;
  /** Called with the name of each migration once it is applied. */
  onMigration?(name: string): void;
  /** Called once when another process is migrating and this one waits for it. */
  onWaiting?(): void;
  /** Absent, the project's own. */
  migrationsDir?: string;
}

export interface MigrateResult {
  /** Names, in order; empty when the database was up to date. */
  applied: string[];
}

/**
 * Brings the database up to date by Prisma's own schema engine, which keeps its ledger in the table
 * _prisma_migrations. Creates the database when it is missing. Any number of processes may do so at
 * once: one works, the others wait and find nothing left to do.
 *
 * Each migration and its line in the ledger are one transaction. After a crash or an error the ones
 * before are applied and the one under way has changed nothing; run it again.
 *
 * @throws Error with one line that names the migration and what PostgreSQL said
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const files = await readMigrationFiles(options.migrationsDir ?? defaultMigrationsDir);
  await createMissingDatabase(options.databaseUrl);
  // The lock is the session's, so it ends with the connection.
  return withConnection(options.databaseUrl, async (client) => {
    await lock(client, options);
    const applied: string[] = [];
    for (const name of await findPending(client, files)) {
      await applyMigration(client, files, name);
      applied.push(name);
      options.onMigration?.(name);
    }
    return { applied };
  });
}

async function lock(client: pg.Client, { onWaiting }: MigrateOptions): Promise<void> {
  const { rows } = await client.query("SELECT pg_try_advisory_lock($1) AS mine", [advisoryLock]);
  if (rows[0].mine) return;
  onWaiting?.();
  await client.query("SELECT pg_advisory_lock($1)", [advisoryLock]);
}

async function applyMigration(client: pg.Client, files: MigrationFiles, name: string): Promise<void> {
  let refusal: unknown;
  let engine: SchemaEngine | undefined;
  await client.query("BEGIN");
  try {
    engine = await openSchemaEngine({
      client,
      onScriptError: (error) => {
        refusal = error;
      },
    });
    await engine.applyMigrations({ migrationsList: toMigrationList(files, name), filters: noFilters });
    await client.query("COMMIT");
  } catch (error) {
    // On a broken connection there is nothing to roll back: the server has done it.
    await client.query("ROLLBACK").catch(() => {});
    throw new Error(`Migration ${name} failed and has changed nothing: ${firstLine(refusal ?? error)}.`, {
      cause: error,
    });
  } finally {
    engine?.free();
  }
}

/** The first line of what was said; the engine's errors go on with a trace. */
function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error)
    .trim()
    .split("\n", 1)
    .join();
}
