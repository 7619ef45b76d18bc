import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { MisplacedMutant } from "../src/apply-mutant.ts";
import { checkInvariants, type TrialResult, UnsoundTests } from "../src/check-invariants.ts";
import { jsonReport, summary } from "../src/report.ts";
import type { Trial } from "../src/trials.ts";

const files = {
  "src/divide.ts": `export function divide(a: number, b: number): number {
  if (b === 0) throw new RangeError("by zero");
  if (a === 0) return 0;
  return a / b;
}
`,
  "test/divide.test.ts": `import { expect, inject, test } from "vitest";
import { divide } from "../src/divide.ts";
test("refuses zero", () => expect(() => divide(1, 0)).toThrow("by zero"));
test("divides nothing", () => expect(divide(0, 5)).toBe(0));
test("divides something", () => expect(divide(4, 2)).toBe(2));
test("is broken as it is", () => expect(divide(4, 2)).toBe(3));
test("is told of the services", () => expect(inject("servedBy")).toBe("one of few"));
test("waits too long", async () => {
  while (divide(4, 2) !== 2) await new Promise((resolve) => setTimeout(resolve, 5));
}, 300);
`,
  "packages/testkit/dist/vitest/services.js": `import { appendFileSync } from "node:fs";
export default async function start(project) {
  appendFileSync(process.env.SERVICES_LOG, "start ");
  project.provide("servedBy", "one of few");
  return async () => appendFileSync(process.env.SERVICES_LOG, "stop ");
}
`,
  "vitest.config.ts": `export default {
  test: { include: ["test/**/*.test.ts"], globalSetup: ["packages/testkit/dist/vitest/services.js"] },
};
`,
  "package.json": '{ "type": "module" }\n',
};

/** A project with guards, tests, and the packages that are installed here. */
let root: string;
/** Where the copies go, so that what is left behind shows. */
let temp: string;
/** When services were started and stopped. */
let log: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "evergrant-guarded-"));
  temp = await mkdtemp(join(tmpdir(), "evergrant-copies-"));
  log = join(root, "services.log");
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), text);
  }
  await symlink(join(import.meta.dirname, "../../../node_modules"), join(root, "node_modules"));
});
afterAll(async () => {
  await rm(root, { recursive: true });
  await rm(temp, { recursive: true });
});

function trial(name: string, find: string, replace: string, test: string, over: Partial<Trial> = {}): Trial {
  const change = { file: "src/divide.ts", find, replace };
  return {
    invariant: 1,
    name,
    change,
    test: { file: "test/divide.test.ts", name: test },
    expected: "failed",
    build: [],
    ...over,
  };
}

/** Everything that is started sees these. */
function setTheStage(): void {
  vi.stubEnv("TMPDIR", temp);
  vi.stubEnv("SERVICES_LOG", log);
  onTestFinished(() => void vi.unstubAllEnvs());
}

async function check(...trials: readonly Trial[]): Promise<TrialResult[]> {
  setTheStage();
  const quiet = { onStep: () => {}, onResult: () => {}, signal: new AbortController().signal };
  return checkInvariants({ root, trials, workers: 2, ...quiet });
}

const zero = 'if (b === 0) throw new RangeError("by zero");';
const nothing = "  if (a === 0) return 0;\n";

test("tells a guard whose test fails from one that nobody would miss, and from what proves nothing", async () => {
  const results = await check(
    trial("removed", zero, "", "refuses zero"),
    trial("idle", nothing, "", "divides nothing"),
    trial("idle-as-told", nothing, "", "divides nothing", { expected: "passed" }),
    trial("needed-after-all", zero, "", "refuses zero", { expected: "passed" }),
    trial("does-not-load", zero, "if (b === 0) throw new (;", "refuses zero"),
    trial("throws", zero, "missing();", "divides something"),
    trial("throws-as-told", zero, "missing();", "divides something", { failsWith: "ReferenceError" }),
    trial("hangs", "return a / b;", "return a;", "waits too long"),
    trial("hangs-as-told", "return a / b;", "return a;", "waits too long", { failsWith: "Test timed out" }),
  );
  expect(results.map(({ trial: { name }, verdict: { kind }, isAsTold }) => [name, kind, isAsTold])).toEqual([
    ["removed", "failed", true],
    ["idle", "passed", false],
    ["idle-as-told", "passed", true],
    ["needed-after-all", "failed", false],
    ["does-not-load", "unclear", false],
    ["throws", "unclear", false],
    ["throws-as-told", "failed", true],
    ["hangs", "unclear", false],
    ["hangs-as-told", "failed", true],
  ]);
  expect(results[0]?.verdict).toMatchObject({ said: "expected [Function] to throw an error" });
  expect(summary(results, 1_000)).toContain("3 of 7 mutants were seen to fail their tests in 1 s");
  expect(summary(results, 1_000)).toContain("idle: SURVIVED: the test passes without it");
  expect(JSON.parse(jsonReport(results, 1_000))).toMatchObject({
    mutants: 7,
    seenToFail: 3,
    survivors: ["idle", "needed-after-all", "does-not-load", "throws", "hangs"],
  });
  expect(await readdir(temp)).toEqual([]);
  expect(await readFile(join(root, "src/divide.ts"), "utf8")).toBe(files["src/divide.ts"]);
}, 120_000);

test("starts services once for each copy, tells every run of them, and stops them", async () => {
  await writeFile(log, "");
  const served = (name: string) => trial(name, nothing, "", "is told of the services", { expected: "passed" });
  const results = await check(served("one"), served("two"), served("three"), served("four"), served("five"));
  expect(results.map(({ isAsTold }) => isAsTold)).toEqual([true, true, true, true, true]);
  const words = (await readFile(log, "utf8")).trim().split(" ").sort();
  // One run of all tests on the code as it is, then two copies.
  expect(words).toEqual(["start", "start", "start", "stop", "stop", "stop"]);
}, 60_000);

test("learns nothing from a test that fails on the code as it is, and says so", async () => {
  const checking = check(trial("removed", zero, "", "refuses zero"), trial("x", zero, "", "is broken as it is"));
  await expect(checking).rejects.toThrow(UnsoundTests);
  await expect(checking).rejects.toThrow("is broken as it is: expected 2 to be 3");
  expect(await readdir(temp)).toEqual([]);
}, 60_000);

test("does not begin while code that it would take away has been rewritten", async () => {
  await expect(check(trial("gone", "if (b == 0)", "", "refuses zero"))).rejects.toThrow(MisplacedMutant);
});

test("an end in the middle leaves nothing behind", async () => {
  setTheStage();
  const ending = new AbortController();
  const checking = checkInvariants({
    root,
    trials: [trial("removed", zero, "", "refuses zero")],
    workers: 1,
    onStep: (step) => step.startsWith("running") && ending.abort(),
    onResult: () => {},
    signal: ending.signal,
  });
  await expect(checking).rejects.toThrow();
  expect(await readdir(temp)).toEqual([]);
}, 60_000);
