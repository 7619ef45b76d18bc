import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { admin, type Env, runToEnd, stopAll } from "./process.ts";
import { createWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld({ redis: false, rules: {} });
  await world.addApp({ id: "xero-config", kind: "xero", descriptor: {} });
});
afterAll(async () => {
  await stopAll();
  await world.close();
});

const anotherKey = () => randomBytes(32).toString("base64");
const without = (env: Env, name: string): Env =>
  Object.fromEntries(Object.entries(env).filter(([key]) => key !== name));

describe("a worker refuses to start, in one line, without touching a connection", () => {
  test.each([
    ["without a key ring", (env: Env) => without(env, "EVERGRANT_KEY_RING"), /EVERGRANT_KEY_RING/],
    [
      "with a key of the wrong length",
      (env: Env) => ({ ...env, EVERGRANT_KEY_RING: `k1:${randomBytes(16).toString("base64")}` }),
      /16 bytes.*32/,
    ],
    [
      "with another key than the stored rows were sealed with",
      (env: Env) => ({ ...env, EVERGRANT_KEY_RING: `k1:${anotherKey()}` }),
      /k1/,
    ],
    [
      "with a ring that lacks the key of the stored rows",
      (env: Env) => ({ ...env, EVERGRANT_KEY_RING: `k2:${anotherKey()}` }),
      /k1/,
    ],
    [
      "with a misspelt variable",
      (env: Env) => ({ ...env, EVERGRANT_WORKER_CONCURENCY: "5" }),
      /did you mean EVERGRANT_WORKER_CONCURRENCY/,
    ],
    ["with a number that is none", (env: Env) => ({ ...env, EVERGRANT_LEASE_MS: "soon" }), /EVERGRANT_LEASE_MS/],
  ])("%s", async (_, change, said) => {
    const env: Env = change(world.keyEnv);
    const { code, stderr, stdout } = await runToEnd("worker", env);
    expect(stderr).toMatch(said);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(code).toBe(2);
    const secret = env.EVERGRANT_KEY_RING?.split(":")[1];
    if (secret !== undefined) expect(`${stdout}${stderr}`).not.toContain(secret);
  });
});

test("a scheduler is never handed a key: a key in its environment is not read", async () => {
  const { code, stderr } = await runToEnd("scheduler", { ...without(world.keyEnv, "DATABASE_URL") });
  expect(code).toBe(2);
  expect(stderr).toContain("DATABASE_URL");
  expect(stderr).not.toContain(world.keyEnv.EVERGRANT_KEY_RING ?? "");
});

test("processes refuse a database that was never migrated, and say what to do", async () => {
  const empty = new URL(world.databaseUrl);
  empty.pathname = "/template1";
  for (const room of ["worker", "scheduler"] as const) {
    const { code, stderr } = await runToEnd(room, {
      ...(room === "worker" ? world.keyEnv : world.env),
      DATABASE_URL: empty.href,
    });
    expect(stderr).toContain("evergrant migrate");
    expect(code).toBe(2);
  }
});

test("the operator's command says in one line that the database is away, and that trying again may help", async () => {
  const answer = await admin(["connection", "list"], {
    ...world.keyEnv,
    DATABASE_URL: "postgresql://nobody@127.0.0.1:1/none",
  });
  expect(answer.code).toBe(3);
  expect(answer.stderr.trim().split("\n")).toHaveLength(1);
});
