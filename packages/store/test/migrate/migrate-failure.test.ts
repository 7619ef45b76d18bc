import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestDatabase, type TestDatabase, withClient } from "@evergrant/testkit";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { migrate } from "../../src/migrate.ts";
import { defaultMigrationsDir } from "../../src/migrate-files.ts";
import { pendingMigrations } from "../../src/migrate-pending.ts";

let database: TestDatabase;
let migrationsDir: string;

beforeEach(async () => {
  database = await createTestDatabase({ migrated: false });
  migrationsDir = await mkdtemp(join(tmpdir(), "evergrant-test-migrations-"));
  await cp(join(defaultMigrationsDir, "migration_lock.toml"), join(migrationsDir, "migration_lock.toml"));
});
afterEach(async () => {
  await database.drop();
  await rm(migrationsDir, { recursive: true, force: true });
});

async function write(name: string, script: string): Promise<void> {
  await mkdir(join(migrationsDir, name), { recursive: true });
  await writeFile(join(migrationsDir, name, "migration.sql"), script);
}

const options = () => ({ databaseUrl: database.url, migrationsDir });
const query = async (sql: string) => (await withClient(database.url, (client) => client.query(sql))).rows;
const tables = () =>
  query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_%' ORDER BY 1");

describe("a migration that fails", () => {
  beforeEach(async () => {
    await write("1_first", "CREATE TABLE one (id int)");
    await write("2_second", "CREATE TABLE two (id int); SELECT no_such_column FROM one;");
    await write("3_third", "CREATE TABLE three (id int)");
  });

  test("is told by its name and PostgreSQL's words, changes nothing, and keeps those before it", async () => {
    const applied: string[] = [];
    await expect(migrate({ ...options(), onMigration: (name) => applied.push(name) })).rejects.toThrow(
      /^Migration 2_second failed and has changed nothing: column "no_such_column" does not exist\.$/,
    );
    expect(applied).toEqual(["1_first"]);
    expect(await tables()).toEqual([{ tablename: "one" }]);
    expect(await pendingMigrations(options())).toEqual(["2_second", "3_third"]);
  });

  test("can simply be run again once it is mended", async () => {
    await expect(migrate(options())).rejects.toThrow("2_second");
    await expect(migrate(options())).rejects.toThrow("2_second");
    await write("2_second", "CREATE TABLE two (id int)");
    expect(await migrate(options())).toEqual({ applied: ["2_second", "3_third"] });
  });
});

test("a migration whose process is lost half-way has changed nothing, and runs from its beginning next time", async () => {
  await write("1_slow", "CREATE TABLE one (id int); SELECT pg_sleep(30);");
  const lost = migrate(options()).catch((error: unknown) => error);
  await vi.waitFor(
    async () => {
      const ended = await query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()",
      );
      expect(ended).toHaveLength(1);
    },
    { timeout: 10_000, interval: 20 },
  );
  expect(String(await lost)).toMatch(
    /^Error: Migration 1_slow failed and has changed nothing: terminating connection due to administrator command\.$/,
  );
  expect(await tables()).toEqual([]);

  await write("1_slow", "CREATE TABLE one (id int);");
  expect(await migrate(options())).toEqual({ applied: ["1_slow"] });
});

test("a script is run as it stands: semicolons in comments, texts and functions do not cut it", async () => {
  await write(
    "1_functions",
    `-- First; second.
     CREATE TABLE one (note text DEFAULT 'a;b');
     CREATE FUNCTION two() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END; $$;
     INSERT INTO one DEFAULT VALUES;`,
  );
  await migrate(options());
  expect(await query("SELECT note, two() FROM one")).toEqual([{ note: "a;b", two: 1 }]);
});

test("migrations of a newer release in the database are left alone", async () => {
  await write("1_first", "CREATE TABLE one (id int)");
  await write("2_second", "CREATE TABLE two (id int)");
  await migrate(options());
  await rm(join(migrationsDir, "2_second"), { recursive: true });
  expect(await pendingMigrations(options())).toEqual([]);
  expect(await migrate(options())).toEqual({ applied: [] });
});

test("a missing migrations folder is told in one line", async () => {
  await expect(migrate({ ...options(), migrationsDir: "/nowhere" })).rejects.toThrow(
    /^There is no migrations folder at \/nowhere\.$/,
  );
});
