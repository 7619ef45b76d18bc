export { type EmbeddedPostgresOptions, type RunningPostgres, startEmbeddedPostgres } from "./embedded-postgres.ts";
export { databaseUrl, withClient } from "./template-database.ts";
export { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from "./test-database.ts";
