import type {} from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** The run's PostgreSQL server: its maintenance database, as superuser. */
    postgresUrl: string;
    /** The run's Redis; null where there is none, and suites that need it do not run. */
    redisUrl: string | null;
    /** Whether promtool is on PATH. */
    promtool: boolean;
  }
}
