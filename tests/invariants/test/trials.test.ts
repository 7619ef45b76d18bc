import { expect, test } from "vitest";
import type { Invariant } from "../src/invariant.ts";
import { chooseTrials, trialsOf } from "../src/trials.ts";

const own = { file: "test/own.test.ts", name: "own" };
const guards = { file: "test/guard.test.ts", name: "guards" };

const table: readonly Invariant[] = [
  {
    number: 1,
    promise: "First",
    why: "…",
    guards: [
      {
        does: "It guards",
        file: "src/a.ts",
        test: guards,
        mutants: [
          { name: "one", find: "a", replace: "b", means: "…" },
          { name: "two", find: "c", replace: "", means: "…", test: own, build: ["apps/a"], failsWith: "Refused" },
        ],
      },
    ],
    notNeeded: [{ name: "idle", file: "src/b.ts", find: "d", replace: "", because: "…", test: own }],
  },
  { number: 2, promise: "Second", why: "…", guards: [] },
];

test("each mutant is tried with its own test, else its guard's, and what is no guard has to pass", () => {
  expect(trialsOf(table)).toMatchObject([
    { invariant: 1, name: "one", change: { file: "src/a.ts" }, test: guards, expected: "failed", build: [] },
    { invariant: 1, name: "two", test: own, expected: "failed", build: ["apps/a"], failsWith: "Refused" },
    { invariant: 1, name: "idle", change: { file: "src/b.ts" }, test: own, expected: "passed" },
  ]);
});

test("trials are chosen by invariant or by name, and all when nothing is said", () => {
  const trials = trialsOf(table);
  const namesOf = (only: readonly string[]) => chooseTrials(trials, only).map(({ name }) => name);
  expect(namesOf([])).toEqual(["one", "two", "idle"]);
  expect(namesOf(["1"])).toEqual(["one", "two", "idle"]);
  expect(namesOf(["two", "one"])).toEqual(["one", "two"]);
  expect(() => namesOf(["one", "3", "tow"])).toThrow("There is no invariant and no mutant called 3, tow.");
});
