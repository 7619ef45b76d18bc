import { describe, expect, expectTypeOf, it } from "vitest";
import { type AppName, ConfigurationError, envShape, readEnv } from "../src/index.ts";

const DATABASE_URL = "postgres://evergrant:hunter2-canary@localhost:5432/evergrant";
const REDIS_URL = "redis://:hunter2-canary@localhost:6379/0";
const enough = { DATABASE_URL, EVERGRANT_KEY_RING: "hunter2-canary" };

function read<App extends AppName>(app: App, env: Record<string, string | undefined>) {
  return readEnv({ app, shape: envShape(app), env });
}

/** The lines of the fault, none of which may hold the canary. */
function faultsOf(app: AppName, env: Record<string, string | undefined>): readonly string[] {
  try {
    read(app, env);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    expect(error.message).toBe(error.faults.join("\n"));
    expect(error.message).not.toContain("hunter2-canary");
    expect(error.exitCode).toBe(2);
    return error.faults;
  }
  return [];
}

describe("values", () => {
  it("come typed, with their defaults, and without anything that the app does not read", () => {
    const env = read("worker", { ...enough, REDIS_URL, EVERGRANT_LEASE_MS: "45000", PATH: "/bin" });
    expect(env).toEqual({
      DATABASE_URL,
      REDIS_URL,
      EVERGRANT_QUEUE_NAMESPACE: "evergrant",
      EVERGRANT_KEY_RING: "hunter2-canary",
      EVERGRANT_DATABASE_POOL: 10,
      EVERGRANT_LOG_LEVEL: "info",
      EVERGRANT_HOST: "127.0.0.1",
      EVERGRANT_WORKER_PORT: 9462,
      EVERGRANT_WORKER_CONCURRENCY: 200,
      EVERGRANT_LEASE_MS: 45_000,
      EVERGRANT_SHUTDOWN_GRACE_MS: 20_000,
    });
    expectTypeOf(env.DATABASE_URL).toEqualTypeOf<string>();
    expectTypeOf(env.REDIS_URL).toEqualTypeOf<string | undefined>();
    expectTypeOf(env.EVERGRANT_LEASE_MS).toEqualTypeOf<number>();
    expectTypeOf(env.EVERGRANT_LOG_PRETTY).toEqualTypeOf<boolean | undefined>();
    expectTypeOf(env).not.toHaveProperty("EVERGRANT_TICK_MS");
    expectTypeOf(read("standalone", {}).DATABASE_URL).toEqualTypeOf<string | undefined>();
  });

  it("that are set to nothing count as not set", () => {
    const env = read("scheduler", { DATABASE_URL, REDIS_URL: "", EVERGRANT_TICK_MS: "  " });
    expect(env.REDIS_URL).toBeUndefined();
    expect(env.EVERGRANT_TICK_MS).toBe(1000);
  });

  it("of one app are no fault in another: one .env serves all", () => {
    const all = { ...enough, EVERGRANT_STATE_DIR: "x", EVERGRANT_TICK_MS: "1000", EVERGRANT_WORKER_CONCURRENCY: "9" };
    for (const app of ["scheduler", "worker", "metrics", "admin", "standalone"] as const) read(app, all);
  });

  it.each(["scheduler", "metrics"] as const)("of the key ring are not seen by %s, even when they are there", (app) => {
    const env = read(app, { ...enough, EVERGRANT_KEY_RING_FILE: "/run/secrets/key-ring" });
    expect(Object.keys(env).filter((name) => name.includes("KEY"))).toEqual([]);
  });
});

describe("faults", () => {
  it("are all told at once, a line each", () => {
    const env = { EVERGRANT_LEASE_MS: "30s", EVERGRANT_WORKER_PORT: "70000", EVERGRANT_LOG_LEVEL: "verbose" };
    expect(faultsOf("worker", { ...env, EVERGRANT_LOG_PRETTY: "yes" })).toEqual([
      "EVERGRANT_KEY_RING is missing; set it or EVERGRANT_KEY_RING_FILE",
      "DATABASE_URL is missing; set it to an address that begins with postgres:// or postgresql://, " +
        "such as postgres://evergrant@localhost:5432/evergrant, special characters of its password percent-encoded",
      'EVERGRANT_LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent, not "verbose"',
      'EVERGRANT_LOG_PRETTY must be true or false, not "yes"',
      'EVERGRANT_WORKER_PORT must be a whole number from 0 to 65535, not "70000"',
      'EVERGRANT_LEASE_MS must be a whole number of milliseconds from 1000 to 86400000, not "30s"',
    ]);
  });

  it.each(["mysql://root:hunter2-canary@localhost/db", "hunter2-canary", "postgres://u:p#hunter2-canary@host/db"])(
    "never repeat the value of a secret variable (%#)",
    (value) => {
      const faults = faultsOf("scheduler", { DATABASE_URL: value });
      expect(faults).toHaveLength(1);
      expect(faults[0]).toMatch(/^DATABASE_URL must be an address that begins with postgres:/);
    },
  );

  it("do not repeat a long text in a plain variable: it may be a secret in the wrong line", () => {
    const [fault] = faultsOf("scheduler", { DATABASE_URL, EVERGRANT_TICK_MS: "hunter2-canary-hunter2" });
    expect(fault).toMatch(/^EVERGRANT_TICK_MS must be .*, not a text of 22 characters$/);
  });

  it.each(["-5", "1e3", "1.5", "0x10", "50_000", "9".repeat(30), "49"])("%s is no duration of a tick", (value) => {
    expect(faultsOf("scheduler", { DATABASE_URL, EVERGRANT_TICK_MS: value })).toHaveLength(1);
  });

  it("name the two key ring variables when both are set, in every app that reads them", () => {
    const both = { ...enough, EVERGRANT_KEY_RING_FILE: "/run/secrets/key-ring" };
    const fault = "EVERGRANT_KEY_RING and EVERGRANT_KEY_RING_FILE are both set; keep one of them";
    for (const app of ["worker", "admin", "standalone"] as const) expect(faultsOf(app, both)).toEqual([fault]);
  });

  it("do not ask the operator's command for keys: most of its work needs none", () => {
    expect(faultsOf("admin", { DATABASE_URL })).toEqual([]);
  });
});

describe("misspelt names", () => {
  it.each([
    ["EVERGRANT_WORKER_CONCURENCY", "EVERGRANT_WORKER_CONCURRENCY"],
    ["EVERGRANT_LEASE", "EVERGRANT_LEASE_MS"],
    ["evergrant_log_level", "EVERGRANT_LOG_LEVEL"],
    ["EVERGRANT_SHUTDOWN_GRACE_SEC", "EVERGRANT_SHUTDOWN_GRACE_MS"],
  ])("%s is told apart from %s in every app", (wrong, right) => {
    for (const app of ["scheduler", "worker"] as const) {
      expect(faultsOf(app, { ...enough, [wrong]: "hunter2-canary" })).toEqual([
        `${wrong} is not known; did you mean ${right}?`,
      ]);
    }
  });

  it("that are close to nothing are told without a guess", () => {
    expect(faultsOf("worker", { ...enough, EVERGRANT_FAVOURITE_COLOUR: "green" })).toEqual([
      "EVERGRANT_FAVOURITE_COLOUR is not known; remove it, or look in docs/configuration.md for its name",
    ]);
  });

  it("of a required variable are one fault, not two", () => {
    expect(faultsOf("worker", { DATABASE_URI: DATABASE_URL, EVERGRANT_KEYRING: "hunter2-canary" })).toEqual([
      "DATABASE_URI is not read; did you mean DATABASE_URL?",
      "EVERGRANT_KEYRING is not known; did you mean EVERGRANT_KEY_RING?",
    ]);
  });

  it("of REDIS_URL are a fault although Redis is optional: the queues would silently live elsewhere", () => {
    expect(faultsOf("worker", { ...enough, REDIS_URI: REDIS_URL })).toEqual([
      "REDIS_URI is not read; did you mean REDIS_URL?",
    ]);
  });

  it("of other programs beside the right one are none of our business", () => {
    expect(faultsOf("worker", { ...enough, REDIS_URL, REDIS_URI: "x", DATABASE_URLS: "y", REDIS_HOST: "z" })).toEqual(
      [],
    );
  });
});

it("the addresses that Kubernetes adds for services named like ours change nothing", () => {
  const links = {
    EVERGRANT_METRICS_SERVICE_HOST: "10.0.0.1",
    EVERGRANT_METRICS_SERVICE_PORT: "9460",
    EVERGRANT_METRICS_SERVICE_PORT_HTTP: "9460",
    EVERGRANT_METRICS_PORT: "tcp://10.0.0.1:9460",
    EVERGRANT_METRICS_PORT_9460_TCP: "tcp://10.0.0.1:9460",
    EVERGRANT_METRICS_PORT_9460_TCP_PROTO: "tcp",
    EVERGRANT_METRICS_PORT_9460_TCP_PORT: "9460",
    EVERGRANT_METRICS_PORT_9460_TCP_ADDR: "10.0.0.1",
    REDIS_PORT: "tcp://10.0.0.2:6379",
    REDIS_SERVICE_HOST: "10.0.0.2",
  };
  expect(read("metrics", { DATABASE_URL, ...links }).EVERGRANT_METRICS_PORT).toBe(9460);
  expect(read("metrics", { DATABASE_URL, ...links, EVERGRANT_METRICS_PORT: "80" }).EVERGRANT_METRICS_PORT).toBe(80);
});
