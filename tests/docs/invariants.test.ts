import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { changed } from "../invariants/src/apply-mutant.ts";
import { invariantsPage } from "../invariants/src/page.ts";
import { invariants } from "../invariants/src/table/index.ts";
import { trialsOf } from "../invariants/src/trials.ts";

const root = join(import.meta.dirname, "..", "..");
const read = (file: string) => readFileSync(join(root, file), "utf8");
const trials = trialsOf(invariants);

/** The title of a test is put together at its run, but its beginning or its end stands in the file. */
const LETTERS_LOOKED_FOR = 12;

test("the page is what the table says", () => {
  expect(read("docs/invariants.md"), "run: node scripts/write-docs.mjs").toBe(invariantsPage(invariants));
});

test("there are ten invariants, and each has two mutants or more", () => {
  expect(invariants.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const counts = invariants.map(({ guards }) => guards.flatMap(({ mutants }) => mutants).length);
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(2);
});

test("no two mutants have one name", () => {
  const names = trials.map(({ name }) => name);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

describe.each(trials)("$name", ({ change, test: named }) => {
  test("changes production code that is still there, and never a test", () => {
    expect(change.file).toMatch(/^(apps|packages|prisma|scripts)\/|^biome\.json$|^docker-compose\.yml$/);
    expect(change.file).not.toMatch(/\/test\/|testkit/);
    expect(() => changed(read(change.file), change)).not.toThrow();
  });

  test("has a test that is still there", () => {
    expect(existsSync(join(root, named.file)), named.file).toBe(true);
    const text = read(named.writtenIn ?? named.file);
    const ends = [named.name.slice(0, LETTERS_LOOKED_FOR), named.name.slice(-LETTERS_LOOKED_FOR)];
    expect(ends.some((end) => text.includes(end))).toBe(true);
  });
});
