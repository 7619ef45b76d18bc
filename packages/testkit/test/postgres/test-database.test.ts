import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { createTestDatabase, type TestDatabase, withClient } from "../../src/postgres/index.ts";

const tableCount = "SELECT count(*)::int AS tables FROM information_schema.tables WHERE table_schema = 'public'";

describe("a test database", () => {
  let first: TestDatabase;
  let second: TestDatabase;

  beforeAll(async () => {
    [first, second] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  });
  afterAll(async () => {
    await Promise.all([first.drop(), second.drop()]);
  });

  test("holds every migrated table and no row of another test", async () => {
    await withClient(first.url, (client) =>
      client.query("INSERT INTO oauth_app (id, provider, environment, client_id) VALUES ('a', 'xero', 'sandbox', 'c')"),
    );
    const inSecond = await withClient(second.url, (client) => client.query("SELECT id FROM oauth_app"));
    expect(inSecond.rows).toEqual([]);
  });

  test("can be empty instead", async () => {
    const empty = await createTestDatabase({ migrated: false });
    const { rows } = await withClient(empty.url, (client) => client.query(tableCount));
    await empty.drop();
    expect(rows).toEqual([{ tables: 0 }]);
  });

  test("is gone after drop, also under a session that is still open", async () => {
    const database = await createTestDatabase();
    const client = new pg.Client({ connectionString: database.url });
    const ended = new Promise<Error>((resolve) => client.on("error", resolve));
    await client.connect();
    await database.drop();
    expect(String(await ended)).toMatch(/terminat/);
    await expect(withClient(database.url, (other) => other.query("SELECT 1"))).rejects.toThrow("does not exist");
  });

  test("runs on a server whose time zone is not UTC", async () => {
    const { rows } = await withClient(inject("postgresUrl"), (client) => client.query("SHOW timezone"));
    expect(rows).toEqual([{ TimeZone: "Pacific/Chatham" }]);
  });
});
