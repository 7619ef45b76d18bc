import type { z } from "zod";
import { envValue } from "./env-value.ts";

/** The processes that read an environment. */
export const appNames = ["scheduler", "worker", "metrics", "admin", "standalone"] as const;

export type AppName = (typeof appNames)[number];

export interface KnownVariable {
  /** Who reads it. This column is the table of privileges: who is not here never sees the value. */
  readonly apps: readonly AppName[];
  /** Who cannot do without it. A variable with a default needs none of this. */
  readonly requiredIn?: readonly AppName[];
  /** The variable that this one may be given in place of; both at once are a fault. */
  readonly insteadOf?: string;
  /** Who cannot do without one of the two. */
  readonly eitherRequiredIn?: readonly AppName[];
  readonly description: string;
  /** As it would be written in `.env`. */
  readonly default?: string;
  /** Its value never appears in a message. */
  readonly secret?: true;
  readonly schema: z.ZodType<unknown, string>;
}

const everyApp = appNames;
const daemons = ["scheduler", "worker", "metrics"] as const;
const keyHolders = ["worker", "admin", "standalone"] as const;

/**
 * Every variable that any process reads: one `.env` serves all of them, and a name that is not here
 * is a mistake in every one. Durations are milliseconds.
 */
export const knownVariables = {
  DATABASE_URL: {
    apps: everyApp,
    requiredIn: ["scheduler", "worker", "metrics", "admin"],
    description: "PostgreSQL 14 or newer. Standalone starts its own when this is not set",
    secret: true,
    schema: envValue.address({
      schemes: ["postgres", "postgresql"],
      example: "postgres://evergrant@localhost:5432/evergrant",
    }),
  },
  REDIS_URL: {
    apps: everyApp,
    description: "Redis or Valkey for the queues. Not set: the queues live in PostgreSQL",
    secret: true,
    // The path is the number of a database; Redis would refuse any other and go on with 0.
    schema: envValue.address({
      schemes: ["redis", "rediss"],
      example: "redis://localhost:6379/0",
      path: /^\/?\d{0,5}$/,
    }),
  },
  EVERGRANT_QUEUE_NAMESPACE: {
    apps: everyApp,
    description: "Name in front of all queues: two installations that share one Redis need two",
    default: "evergrant",
    schema: envValue.text(),
  },
  EVERGRANT_KEY_RING: {
    apps: keyHolders,
    description: "The keys that encrypt tokens and client secrets, newest first",
    secret: true,
    schema: envValue.text(),
  },
  EVERGRANT_KEY_RING_FILE: {
    apps: keyHolders,
    insteadOf: "EVERGRANT_KEY_RING",
    eitherRequiredIn: ["worker"],
    description: "Path of a file that holds the key ring, in place of EVERGRANT_KEY_RING",
    schema: envValue.text(),
  },
  EVERGRANT_CLIENT_SECRET: {
    apps: ["admin"],
    description: "The client secret for `app add` and `app set-secret`, in place of a file or standard input",
    secret: true,
    schema: envValue.text(),
  },
  EVERGRANT_DATABASE_POOL: {
    apps: everyApp,
    description:
      "Database connections of one process, at most. Queues in PostgreSQL take up to 3 more, and up to 5 for each " +
      "OAuth app of a worker or for the tick of a scheduler",
    default: "10",
    schema: envValue.whole({ min: 1, max: 500 }),
  },
  EVERGRANT_LOG_LEVEL: {
    apps: everyApp,
    description: "The least important lines that are logged",
    default: "info",
    schema: envValue.oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
  },
  EVERGRANT_LOG_PRETTY: {
    apps: everyApp,
    description: "Log lines for people (true) or as JSON (false). Not set: for people on a terminal",
    schema: envValue.flag(),
  },
  EVERGRANT_HOST: {
    apps: [...daemons, "standalone"],
    description: "Address on which health and metrics are served. In a container: 0.0.0.0",
    default: "127.0.0.1",
    schema: envValue.text(),
  },
  EVERGRANT_METRICS_PORT: {
    apps: ["metrics", "standalone"],
    description: "Port of fleet metrics and the status page. 0: any free port",
    default: "9460",
    schema: envValue.port(),
  },
  EVERGRANT_SCHEDULER_PORT: {
    apps: ["scheduler"],
    description: "Port of a scheduler's health and metrics. 0: any free port",
    default: "9461",
    schema: envValue.port(),
  },
  EVERGRANT_WORKER_PORT: {
    apps: ["worker"],
    description: "Port of a worker's health and metrics. 0: any free port",
    default: "9462",
    schema: envValue.port(),
  },
  EVERGRANT_METRICS_TOKEN: {
    apps: [...daemons, "standalone"],
    description: "What a reader of metrics and status must present, as a bearer token or password. Not set: nothing",
    secret: true,
    schema: envValue.text(),
  },
  EVERGRANT_WORKER_CONCURRENCY: {
    apps: ["worker"],
    description: "Refreshes that one worker has in flight at once, for each OAuth app",
    default: "200",
    schema: envValue.whole({ min: 1, max: 10_000 }),
  },
  EVERGRANT_LEASE_MS: {
    apps: ["worker"],
    description: "How long a claimed refresh excludes all others, unless it is settled before",
    default: "30000",
    schema: envValue.milliseconds({ min: 1_000 }),
  },
  EVERGRANT_TICK_MS: {
    apps: ["scheduler"],
    description: "How often due connections are looked for",
    default: "1000",
    schema: envValue.milliseconds({ min: 50 }),
  },
  EVERGRANT_SWEEP_MS: {
    apps: ["scheduler"],
    description: "How often the search begins again with the earliest due connection",
    default: "30000",
    schema: envValue.milliseconds({ min: 1_000 }),
  },
  EVERGRANT_QUEUE_DEPTH: {
    apps: ["scheduler"],
    description: "Jobs that may wait in the queue of one OAuth app",
    default: "2000",
    schema: envValue.whole({ min: 1, max: 1_000_000 }),
  },
  EVERGRANT_SHUTDOWN_GRACE_MS: {
    apps: [...daemons, "standalone"],
    description:
      "How long a stop may take before the log names what it waits for, and again each such time. " +
      "Only after an unexpected error does the process end then",
    default: "20000",
    schema: envValue.milliseconds({ min: 100 }),
  },
  EVERGRANT_ESCROW_DIR: {
    apps: ["worker", "metrics", "standalone"],
    description:
      "Folder in which token sets wait, sealed, while the database cannot take them and there is no Redis or it " +
      "does not answer. On a disk that outlives the process. Standalone sets it",
    schema: envValue.text(),
  },
  EVERGRANT_STATE_DIR: {
    apps: ["standalone"],
    description: "Folder in which standalone keeps its database and keys",
    default: ".evergrant",
    schema: envValue.text(),
  },
} as const satisfies Record<string, KnownVariable>;

export type VariableName = keyof typeof knownVariables;
