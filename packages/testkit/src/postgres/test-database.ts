import { randomBytes } from "node:crypto";
import type {} from "../vitest/provided-context.ts";
import { databaseUrl, templateDatabase, withClient } from "./template-database.ts";

export interface TestDatabaseOptions {
  /** False gives an empty database, for tests of the migrations themselves. */
  migrated?: boolean;
}

export interface TestDatabase {
  url: string;
  /** Removes the database; sessions that are still open are ended. */
  drop(): Promise<void>;
}

/**
 * Makes a database for one test file: a copy of the migrated template, in some 30 ms. It lives on
 * the run's shared server, which writes nothing to disk in time to survive a power cut and keeps
 * an unusual time zone. Works inside vitest only, which knows the server's address.
 */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  // Imported here, since testkit is also used where there is no vitest: by the demo and benchmarks.
  const { inject } = await import("vitest");
  const serverUrl = inject("postgresUrl");
  const name = `test_${randomBytes(6).toString("hex")}`;
  const template = options.migrated === false ? "template0" : templateDatabase;
  await withClient(serverUrl, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  return {
    url: databaseUrl(serverUrl, name),
    drop: () =>
      withClient(serverUrl, async (client) => {
        await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }),
  };
}
