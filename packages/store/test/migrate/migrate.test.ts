import { readFile } from "node:fs/promises";
import { createTestDatabase, databaseUrl, type TestDatabase, withClient } from "@evergrant/testkit";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { migrate } from "../../src/migrate.ts";
import { compareWithSchema } from "../../src/migrate-compare.ts";
import { defaultMigrationsDir, readMigrationFiles } from "../../src/migrate-files.ts";
import { pendingMigrations } from "../../src/migrate-pending.ts";

const schema = await readFile(new URL("../../../../prisma/schema.prisma", import.meta.url), "utf8");
const names = (await readMigrationFiles(defaultMigrationsDir)).migrations.map(({ name }) => name);
let empty: TestDatabase;

beforeEach(async () => {
  empty = await createTestDatabase({ migrated: false });
});
afterEach(() => empty.drop());

const ledger = async (url: string) =>
  (
    await withClient(url, (client) =>
      client.query(`SELECT migration_name, checksum FROM "_prisma_migrations" ORDER BY 1`),
    )
  ).rows;

describe("migrating an empty database", () => {
  test("applies every migration in order, tells of each, and leaves none pending", async () => {
    expect(await pendingMigrations({ databaseUrl: empty.url })).toEqual(names);
    const told: string[] = [];
    const result = await migrate({ databaseUrl: empty.url, onMigration: (name) => told.push(name) });
    expect(result).toEqual({ applied: names });
    expect(told).toEqual(names);
    expect(await pendingMigrations({ databaseUrl: empty.url })).toEqual([]);
  });

  test("a second time applies nothing", async () => {
    await migrate({ databaseUrl: empty.url });
    expect(await migrate({ databaseUrl: empty.url })).toEqual({ applied: [] });
  });

  test("by ten at once applies each migration once; those that come late wait and say so", async () => {
    const waiting: number[] = [];
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        migrate({ databaseUrl: empty.url, onWaiting: () => waiting.push(index) }),
      ),
    );
    expect(results.flatMap(({ applied }) => applied).sort()).toEqual(names);
    expect(await ledger(empty.url)).toHaveLength(names.length);
    expect(waiting.length).toBeGreaterThan(0);
  });

  test("that does not exist yet creates it, also when several do so at once", async () => {
    await empty.drop();
    const results = await Promise.all([1, 2, 3].map(() => migrate({ databaseUrl: empty.url })));
    expect(results.flatMap(({ applied }) => applied)).toEqual(names);
  });

  test("that the user may not create says so in one line", async () => {
    await withClient(inject("postgresUrl"), (client) =>
      client.query("DROP ROLE IF EXISTS humble; CREATE ROLE humble LOGIN PASSWORD 'humble'"),
    );
    const humble = databaseUrl(inject("postgresUrl"), "nowhere").replace("evergrant:evergrant", "humble:humble");
    await expect(migrate({ databaseUrl: humble })).rejects.toThrow(
      /^There is no database "nowhere", and it could not be created: permission denied to create database\.$/,
    );
  });
});

describe("the migrated schema", () => {
  test("is what schema.prisma describes, as Prisma's engine sees both", async () => {
    await migrate({ databaseUrl: empty.url });
    expect(await compareWithSchema({ databaseUrl: empty.url, schema })).toBeUndefined();
  });

  test("is seen to differ when it does", async () => {
    await migrate({ databaseUrl: empty.url });
    await withClient(empty.url, (client) => client.query('ALTER TABLE "connection" DROP COLUMN "customer"'));
    expect(await compareWithSchema({ databaseUrl: empty.url, schema })).toContain(
      'ALTER TABLE "connection" ADD COLUMN     "customer" TEXT;',
    );
  });

  test("is what test databases are copies of, ledger included", async () => {
    const copy = await createTestDatabase();
    await migrate({ databaseUrl: empty.url });
    expect(await pendingMigrations({ databaseUrl: copy.url })).toEqual([]);
    expect(await ledger(copy.url)).toEqual(await ledger(empty.url));
    expect(await migrate({ databaseUrl: copy.url })).toEqual({ applied: [] });
    expect(await compareWithSchema({ databaseUrl: copy.url, schema })).toBeUndefined();
    await copy.drop();
  });

  test.each([
    [
      "a due time of one who needs to authorize again",
      "connection_due_only_when_wanted",
      "UPDATE connection SET state = 'needs_reauth', due_at = now()",
    ],
    ["strikes below none", "connection_counts_not_negative", "UPDATE connection SET strikes = -1"],
    ["a budget of none", "oauth_app_budget_positive", "UPDATE oauth_app SET max_per_second = 0"],
    [
      "a fingerprint that is none",
      "grant_fingerprint_length",
      "INSERT INTO grant_fingerprint VALUES ('a-refresh-token', 'c', now())",
    ],
    [
      "a client secret in the clear",
      "client_secret_ciphertext_is_sealed",
      `INSERT INTO client_secret (app_id, ciphertext) VALUES ('app', '${"s".repeat(40)}')`,
    ],
  ])("refuses %s", async (_name, constraint, statement) => {
    const copy = await createTestDatabase();
    const refused = withClient(copy.url, async (client) => {
      await client.query(
        "INSERT INTO oauth_app (id, provider, environment, client_id) VALUES ('app', 'xero', 'sandbox', 'c')",
      );
      await client.query("INSERT INTO connection (id, app_id, mode) VALUES ('c', 'app', 'fresh')");
      await client.query(statement);
    });
    await expect(refused).rejects.toThrow(`violates check constraint "${constraint}"`);
    await copy.drop();
  });

  test("lets a refresh rewrite its token set without touching an index", async () => {
    await migrate({ databaseUrl: empty.url });
    const { rows } = await withClient(empty.url, async (client) => {
      await client.query(`
        INSERT INTO oauth_app (id, provider, environment, client_id) VALUES ('app', 'xero', 'sandbox', 'c');
        INSERT INTO connection (id, app_id, mode) SELECT 'c' || n, 'app', 'fresh' FROM generate_series(1, 100) n;
        INSERT INTO token_set (connection_id, generation, refresh_token, access_token, fingerprint)
          SELECT id, 1, decode('01' || repeat('ab', 100), 'hex'), decode('01' || repeat('cd', 1400), 'hex'), decode(repeat('00', 16), 'hex')
          FROM connection;`);
      await client.query("UPDATE token_set SET generation = 2, refresh_token = set_byte(refresh_token, 1, 7)");
      await client.query("SELECT pg_stat_force_next_flush()");
      return client.query(
        "SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 'token_set'",
      );
    });
    expect(rows[0].updates).toBe(100);
    expect(rows[0].hot).toBeGreaterThan(50);
  });
});
