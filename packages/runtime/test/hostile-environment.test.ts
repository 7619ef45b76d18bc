import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  appNames,
  ConfigurationError,
  envShape,
  type KnownVariable,
  knownVariables,
  readEnv,
  readKeyRingText,
} from "../src/index.ts";

/** fast-check prints the seed and the smallest environment of a failure. */
const RUNS = { numRuns: 1_500 };

const SECRET = "q7Rt5zLpW2xVn8Km3JdyHb69cFq7Rt5zLpW2xVn8Km3=";
const variables: readonly (readonly [string, KnownVariable])[] = Object.entries(knownVariables);
const names = variables.map(([name]) => name);
const secretNames = variables.filter(([, variable]) => variable.secret === true).map(([name]) => name);

const word = fc.constantFrom(
  "",
  " ",
  "true",
  "TRUE",
  "0",
  "1",
  "-1",
  "9460",
  "65536",
  "1e3",
  "30000",
  "9".repeat(400),
  "info",
  "loud",
  "tcp://10.0.0.1:9460",
  "postgres://h/d",
  "postgres://u:p%ZZ@h/d",
  "postgres://u:p@h:99999/d",
  "postgresql://[::1",
  "postgres:///d",
  "redis://h",
  "redis://:%@h",
  "redis://h/x",
  "a\nb",
  "\u001b[2J",
  "é",
  "__proto__",
  SECRET,
  `main:${SECRET}`,
  `postgres://u:${SECRET}@h/d`,
  `redis://:${SECRET}@`,
  `${SECRET}://h`,
);
const value = fc.oneof(
  { weight: 4, arbitrary: word },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
);
const foreignName = fc.constantFrom(
  "EVERGRANT_METRIC_PORT",
  "EVERGRANT_",
  "EVERGRANT_\nX",
  `EVERGRANT_${SECRET}`,
  "evergrant_log_level",
  "DATABASE_URI",
  "__proto__",
  "constructor",
  "PATH",
);
const environment = fc
  .tuple(
    fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 12 }),
    fc.dictionary(foreignName, value, { maxKeys: 2 }),
    fc.boolean(),
  )
  .map(([own, foreign, isUsable]) => ({ ...own, ...foreign, ...(isUsable ? USABLE : {}) }));
const USABLE = { DATABASE_URL: "postgres://evergrant@127.0.0.1/evergrant", EVERGRANT_KEY_RING: "main:x" };

describe("an environment of anything", () => {
  test("is read, or refused with one clear line for each fault", () => {
    let usable = 0;
    fc.assert(
      fc.property(environment, fc.constantFrom(...appNames), (env, app) => {
        const read = attempt(() => readEnv({ app, shape: envShape(app), env }));
        if (!(read instanceof Error)) {
          usable += 1;
          return;
        }
        expect(read).toBeInstanceOf(ConfigurationError);
        const { faults } = read as ConfigurationError;
        expect(faults.length).toBeGreaterThan(0);
        for (const fault of faults) expect(fault).toMatch(/^[\x20-\x7e]{10,400}$/);
        expect(read.message.split("\n")).toHaveLength(faults.length);
      }),
      RUNS,
    );
    expect(usable).toBeGreaterThan(RUNS.numRuns / 50);
  });

  test("is never repeated where it may be a secret, whatever variable it was put into by mistake", () => {
    const hidden = fc.tuple(
      fc.constantFrom(...names),
      fc.constantFrom(SECRET, `main:${SECRET}`, `postgres://u:${SECRET}@h:x/d`, `redis://:${SECRET}`),
    );
    fc.assert(
      fc.property(environment, hidden, fc.constantFrom(...appNames), (env, [name, text], app) => {
        const given = { ...env, [name]: text, [`EVERGRANT_${SECRET}`]: undefined };
        const read = attempt(() => readEnv({ app, shape: envShape(app), env: given }));
        if (read instanceof Error) expectUntold(read.message);
      }),
      RUNS,
    );
  });

  test("tells no value of a secret variable, however short", () => {
    fc.assert(
      fc.property(fc.constantFrom(...secretNames), fc.constantFrom(...appNames), (name, app) => {
        const read = attempt(() => readEnv({ app, shape: envShape(app), env: { ...USABLE, [name]: "hunter2" } }));
        expect(read instanceof Error ? read.message : "").not.toContain("hunter2");
      }),
    );
  });

  test("that is accepted holds addresses that can be taken apart", () => {
    fc.assert(
      fc.property(fc.constantFrom("DATABASE_URL", "REDIS_URL"), value, (name, text) => {
        const read = attempt(() =>
          readEnv({ app: "worker", shape: envShape("worker"), env: { ...USABLE, [name]: text } }),
        );
        if (read instanceof Error) return;
        for (const address of [read.DATABASE_URL, read.REDIS_URL ?? "redis://h"]) {
          const { username, password, pathname } = new URL(address);
          for (const part of [username, password, pathname]) expect(() => decodeURIComponent(part)).not.toThrow();
          if (address.startsWith("redis")) expect(pathname).toMatch(/^\/?\d*$/);
        }
      }),
      RUNS,
    );
  });
});

describe("a key ring where its file should be named", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "evergrant-ring-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([
    SECRET,
    `main:${SECRET}`,
    `main:${SECRET}\nold:${SECRET}`,
    `/${SECRET}`,
    SECRET.replaceAll("+", "/"),
    `/etc/evergrant/${SECRET}`,
  ])("is not repeated", async (path) => {
    const read = await readKeyRingText({ EVERGRANT_KEY_RING_FILE: path }).catch((error: Error) => error);
    expect(read).toBeInstanceOf(ConfigurationError);
    expect(String(read)).toMatch(/^[\x20-\x7e]+$/);
    expectUntold(String(read));
  });

  test("a path that looks like none is repeated: it says what to mend", async () => {
    const path = join(folder, "evergrant", "key-ring-of-production-2026.txt");
    const read = await readKeyRingText({ EVERGRANT_KEY_RING_FILE: path }).catch((error: Error) => error);
    expect(String(read)).toContain(path);
  });
});

function expectUntold(text: string): void {
  expect(text).not.toContain(SECRET.slice(0, 12));
}

function attempt<Value>(action: () => Value): Value | Error {
  try {
    return action();
  } catch (error) {
    return error as Error;
  }
}
