import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BUILT_IN_PROVIDERS, resolveDescriptor } from "@evergrant/providers";
import { type AppName, envShape, knownVariables, readEnv } from "@evergrant/runtime";
import ms from "ms";
import { describe, expect, test } from "vitest";
import { compose, environmentOf, interpolate, serviceOf } from "./compose.ts";

const root = join(import.meta.dirname, "..", "..");
const given = { POSTGRES_PASSWORD: "s3cret", EVERGRANT_KEY_RING_FILE: "/etc/evergrant/key-ring" };
const daemons = ["scheduler", "worker", "metrics"] as const;
const appOf: Record<string, AppName> = {
  migrate: "admin",
  scheduler: "scheduler",
  worker: "worker",
  metrics: "metrics",
  admin: "admin",
};
const ours = Object.entries(appOf);
/** Set by the containers themselves: one process in each, at the port that it has by default, and the key in a file. */
const fixedInside = [
  "EVERGRANT_KEY_RING",
  "EVERGRANT_METRICS_PORT",
  "EVERGRANT_SCHEDULER_PORT",
  "EVERGRANT_WORKER_PORT",
];

test("the services are the fleet, what it stands on and the operator's command", () => {
  expect(Object.keys(compose.services).sort()).toEqual([...Object.keys(appOf), "postgres", "redis"].sort());
});

describe.each(ours)("%s", (name, app) => {
  const service = serviceOf(name);
  const holdsKey = name === "worker" || name === "admin";

  test("is given every variable that it reads, and no other", () => {
    const readable = Object.keys(envShape(app)).filter((variable) => !fixedInside.includes(variable));
    const expected = holdsKey ? readable : readable.filter((variable) => !/KEY_RING|CLIENT_SECRET/.test(variable));
    expect(Object.keys(service.environment ?? {}).sort()).toEqual(expected.sort());
  });

  test("starts with nothing set but what the file asks for", () => {
    const env = environmentOf(service, given);
    expect(() => readEnv({ app, shape: envShape(app), env })).not.toThrow();
  });

  test(holdsKey ? "is handed the key ring" : "is never handed the key ring", () => {
    expect(service.secrets ?? []).toEqual(holdsKey ? ["key_ring"] : []);
    expect(service.environment?.EVERGRANT_KEY_RING_FILE).toBe(holdsKey ? "/run/secrets/key_ring" : undefined);
    const isKey = /key.?ring/i;
    expect((service.volumes ?? []).filter((volume) => isKey.test(volume))).toEqual([]);
  });

  test("runs a program that the image has", () => {
    const [program = "", file = ""] = service.entrypoint ?? service.command ?? [];
    if (program === "evergrant") return expect(existsSync(join(root, "apps/admin/bin/evergrant.mjs"))).toBe(true);
    expect([program, file]).toEqual(["node", `apps/${name}/dist/main.js`]);
    expect(existsSync(join(root, file.replace("dist", "src").replace(".js", ".ts")))).toBe(true);
  });

  test("runs the image of this project, never one of that name from elsewhere, and as often as wanted", () => {
    expect(service).toMatchObject({ image: "evergrant", pull_policy: "never" });
    expect(service.container_name).toBeUndefined();
  });

  test("finds the image built, by the one service that builds it", () => {
    if (name === "migrate") expect(service.build).toBe(".");
    else
      expect([service.build, Object.keys(service.depends_on ?? {})]).toEqual([
        undefined,
        expect.arrayContaining(["migrate"]),
      ]);
  });
});

test("what a user sets in .env reaches the processes that read it", () => {
  const set = { ...given, EVERGRANT_WORKER_CONCURRENCY: "7", EVERGRANT_TICK_MS: "250" };
  expect(environmentOf(serviceOf("worker"), set)).toMatchObject({ EVERGRANT_WORKER_CONCURRENCY: "7" });
  expect(environmentOf(serviceOf("scheduler"), set)).toMatchObject({ EVERGRANT_TICK_MS: "250" });
});

test.each(daemons)("%s starts when the database is migrated and PostgreSQL and Redis answer", (name) => {
  expect(serviceOf(name).depends_on).toEqual({
    migrate: { condition: "service_completed_successfully" },
    postgres: { condition: "service_healthy" },
    redis: { condition: "service_healthy" },
  });
  expect(serviceOf("migrate").depends_on).toEqual({ postgres: { condition: "service_healthy" } });
});

test("a worker that is told to stop has the time that the slowest token request and its settle may take", () => {
  const toBeginMs = 15_000;
  const toAnswerMs = BUILT_IN_PROVIDERS.map((provider) => resolveDescriptor(provider, {}).answerTimeoutMs);
  const toSettleMs = Number(knownVariables.EVERGRANT_LEASE_MS.default);
  const graceMs = ms((serviceOf("worker").stop_grace_period ?? "0") as ms.StringValue);
  expect(graceMs).toBeGreaterThanOrEqual(toBeginMs + Math.max(...toAnswerMs) + toSettleMs);
});

test("scheduler and metrics are not killed before their log could name what they wait for", () => {
  const named = Number(knownVariables.EVERGRANT_SHUTDOWN_GRACE_MS.default);
  for (const name of ["scheduler", "metrics"]) {
    expect(ms((serviceOf(name).stop_grace_period ?? "0") as ms.StringValue)).toBeGreaterThan(named);
  }
});

test("nothing but the status page is published, and that on loopback, at the port of the user's choice", () => {
  const published = Object.entries(compose.services).flatMap(([name, { ports = [] }]) =>
    ports.map((port) => [name, port]),
  );
  expect(published).toEqual([["metrics", expect.any(String)]]);
  const [port = ""] = serviceOf("metrics").ports ?? [];
  expect(interpolate(port, {})).toBe("127.0.0.1:9460:9460");
  expect(interpolate(port, { EVERGRANT_METRICS_PORT: "8080" })).toBe("127.0.0.1:8080:9460");
});

test("Redis keeps its jobs on disk and refuses a write rather than drop a job", () => {
  const { command = [], volumes } = serviceOf("redis");
  const option = (name: string) => command[command.indexOf(name) + 1];
  expect(option("--appendonly")).toBe("yes");
  expect(option("--maxmemory-policy")).toBe("noeviction");
  expect(volumes).toEqual(["redis:/data"]);
});

test("PostgreSQL is of one major version, keeps its data in a volume, and fits the address of the fleet", () => {
  const postgres = serviceOf("postgres");
  expect(postgres.image).toBe("postgres:18");
  expect(postgres.volumes).toEqual(["postgres:/var/lib/postgresql"]);
  expect(Object.keys(compose.volumes).sort()).toEqual(["escrow", "postgres", "redis"]);
  const { POSTGRES_USER: user, POSTGRES_DB: database, POSTGRES_PASSWORD: password } = environmentOf(postgres, given);
  const address = environmentOf(serviceOf("worker"), given).DATABASE_URL;
  expect(address).toBe(`postgresql://${user}:${password}@postgres:5432/${database}`);
});

test.each([
  ["POSTGRES_PASSWORD", () => environmentOf(serviceOf("postgres"), {}), /letters and digits/],
  ["EVERGRANT_KEY_RING_FILE", () => interpolate(compose.secrets.key_ring?.file ?? "", {}), /docs\/configuration\.md/],
])("without %s it says what to set instead of starting with a guess", (name, resolve, advice) => {
  expect(resolve).toThrow(name);
  expect(resolve).toThrow(advice);
});

test("no secret stands in the file itself", () => {
  const text = readFileSync(join(root, "docker-compose.yml"), "utf8");
  const passwords = [...text.matchAll(/PASSWORD: *(.+)|evergrant:(.+?)@/g)].map(([, set, inUrl]) => set ?? inUrl);
  expect(passwords.length).toBeGreaterThan(1);
  for (const password of passwords) expect(password).toMatch(/^\$\{POSTGRES_PASSWORD:\?/);
});
