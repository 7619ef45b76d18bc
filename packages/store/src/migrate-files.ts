import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const scriptName = "migration.sql";
const lockName = "migration_lock.toml";

/** The same path from src/ and from dist/: an image keeps `prisma/migrations` where the repository has it. */
export const defaultMigrationsDir = fileURLToPath(new URL("../../../prisma/migrations", import.meta.url));

/** A migrations folder in the form that Prisma's engine takes. */
export interface MigrationFiles {
  readonly baseDir: string;
  readonly lockfile: { readonly path: string; readonly content: string };
  readonly migrations: readonly { readonly name: string; readonly script: string }[];
}

/** Reads a migrations folder; migrations in the order they are applied in, which is that of their names. */
export async function readMigrationFiles(baseDir: string): Promise<MigrationFiles> {
  const entries = await readdir(baseDir, { withFileTypes: true }).catch((cause: unknown) => {
    throw new Error(`There is no migrations folder at ${baseDir}.`, { cause });
  });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return {
    baseDir,
    lockfile: { path: lockName, content: await readFile(join(baseDir, lockName), "utf8") },
    migrations: await Promise.all(
      names.sort().map(async (name) => ({ name, script: await readFile(join(baseDir, name, scriptName), "utf8") })),
    ),
  };
}
