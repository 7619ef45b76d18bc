import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { appNames, configurationTable, knownVariables } from "@evergrant/runtime";
import { expect, onTestFinished, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const page = readFileSync(join(root, "docs/configuration.md"), "utf8");

test("the page has every variable as the code has it, and none besides", () => {
  expect(tableRows(page), "run: node scripts/write-docs.mjs").toEqual(tableRows(configurationTable()));
});

test("every variable that the prose of the page speaks of exists", () => {
  const spokenOf = page.match(/\b(EVERGRANT_[A-Z_]*[A-Z]|[A-Z]+_URL)\b/g) ?? [];
  expect(spokenOf.filter((name) => !(name in knownVariables))).toEqual([]);
});

test("the page tells of each process whether it gets the key ring, as the code has it", () => {
  const cells = page.match(/^\| (\w+) .*\| (yes|\*\*no\*\*) \| [^|]+ \|$/gm) ?? [];
  const told = cells.map((line) => [/\w+/.exec(line)?.[0], !line.includes("**no**")]);
  const readers: readonly string[] = knownVariables.EVERGRANT_KEY_RING_FILE.apps;
  expect(Object.fromEntries(told)).toEqual(Object.fromEntries(appNames.map((app) => [app, readers.includes(app)])));
});

test("the script puts a table that went astray right again and leaves the prose as it was", () => {
  const scratch = mkdtempSync(join(tmpdir(), "evergrant-docs-"));
  onTestFinished(() => rmSync(scratch, { recursive: true }));
  const copy = join(scratch, "docs/configuration.md");
  mkdirSync(join(scratch, "docs"));
  writeFileSync(copy, page.replace(/^\| `REDIS_URL`.*\n/m, "| `EVERGRANT_REDDIS` | nobody |  | |\n"));

  const { status, stderr } = spawnSync(process.execPath, [join(root, "scripts/write-docs.mjs"), scratch], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(readFileSync(copy, "utf8")).toBe(page);
});

function tableRows(text: string): string[] {
  return text.split("\n").filter((line) => line.startsWith("| `"));
}
