import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { applyChange, changed, MisplacedMutant } from "../src/apply-mutant.ts";

const change = { file: "a.ts", find: "if (guarded) return;\n", replace: "" };

test("a change is made where its code stands once", () => {
  expect(changed("a();\nif (guarded) return;\nb();\n", change)).toBe("a();\nb();\n");
});

test.each([
  ["no longer there", "if (isGuarded) return;\n", change, "a.ts holds 0 times, not once"],
  ["there twice", `${change.find}${change.find}`, change, "a.ts holds 2 times, not once"],
  ["not said", "anything", { ...change, find: "" }, "not once"],
  ["left as it is", change.find, { ...change, replace: change.find }, "a.ts would stay as it is"],
])("code that is %s is an error that names file and code", (_, text, given, message) => {
  expect(() => changed(text, given)).toThrow(MisplacedMutant);
  expect(() => changed(text, given)).toThrow(message);
});

test("a change of a tree can be taken back", async () => {
  const tree = await mkdtemp(join(tmpdir(), "evergrant-change-"));
  onTestFinished(() => rm(tree, { recursive: true }));
  const path = join(tree, "a.ts");
  await writeFile(path, `a();\n${change.find}`);
  const restore = await applyChange(tree, change);
  expect(await readFile(path, "utf8")).toBe("a();\n");
  await restore();
  expect(await readFile(path, "utf8")).toBe(`a();\n${change.find}`);
});
