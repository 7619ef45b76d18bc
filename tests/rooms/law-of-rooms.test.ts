import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
let scratch: string;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "evergrant-rooms-"));
  cpSync(join(root, "biome.json"), join(scratch, "biome.json"));
});
afterEach(() => rmSync(scratch, { recursive: true }));

describe("imports", () => {
  test.each([
    ["apps/scheduler/src/a.ts", "@evergrant/store/secrets", "Scheduler and metrics hold no key"],
    ["apps/metrics/src/a.ts", "@evergrant/store/secrets", "Scheduler and metrics hold no key"],
    ["packages/core/src/a.ts", "zod", "Core is pure"],
    ["packages/core/src/a.ts", "node:fs", "Core is pure"],
    ["packages/core/src/a.ts", "@evergrant/store", "Core is pure"],
    ["packages/queue/src/a.ts", "@evergrant/store", "Adapters know core and nothing else of ours"],
    ["apps/worker/src/a.ts", "@evergrant/testkit", "The testkit is never part of production"],
  ])("%s that imports %s fails the check", (file, imported, message) => {
    const { status, output } = lint(file, imported);
    expect(output).toContain(message);
    expect(status).not.toBe(0);
  });

  test.each([
    ["apps/scheduler/src/a.ts", "@evergrant/store"],
    ["apps/worker/src/a.ts", "@evergrant/store/secrets"],
    ["packages/core/src/a.ts", "./b.ts"],
    ["packages/queue/src/a.ts", "@evergrant/core"],
  ])("%s may import %s", (file, imported) => {
    expect(lint(file, imported)).toMatchObject({ status: 0 });
  });

  function lint(file: string, imported: string) {
    write(file, `import { thing } from "${imported}";\nexport const other = thing;\n`);
    const biome = join(root, "node_modules", ".bin", "biome");
    const args = ["lint", "--vcs-enabled=false", "--only=style/noRestrictedImports", "."];
    const { status, stdout, stderr } = spawnSync(biome, args, { cwd: scratch, encoding: "utf8" });
    return { status, output: `${stdout}${stderr}` };
  }
});

describe("dependencies", () => {
  test.each([
    ["packages/core", { dependencies: { zod: "4" } }, "core has no dependencies"],
    ["packages/queue", { dependencies: { "@evergrant/store": "*" } }, "must not depend on @evergrant/store"],
    ["apps/worker", { dependencies: { "@evergrant/scheduler": "*" } }, "must not depend on @evergrant/scheduler"],
    ["apps/worker", { dependencies: { "@evergrant/testkit": "*" } }, "must not depend on @evergrant/testkit"],
  ])("%s with %j fails the check", (room, manifest, message) => {
    const { status, output } = checkRooms(room, manifest);
    expect(output).toContain(message);
    expect(status).toBe(1);
  });

  test("an app may depend on every adapter", () => {
    expect(
      checkRooms("apps/worker", { dependencies: { "@evergrant/store": "*", "@evergrant/core": "*" } }).status,
    ).toBe(0);
  });

  function checkRooms(room: string, manifest: object) {
    for (const floor of ["apps", "packages"]) mkdirSync(join(scratch, floor), { recursive: true });
    write(join(room, "package.json"), JSON.stringify(manifest));
    const script = join(root, "scripts", "check-rooms.mjs");
    const { status, stderr } = spawnSync(process.execPath, [script, scratch], { encoding: "utf8" });
    return { status, output: stderr };
  }
});

test("core is compiled without the types of Node", () => {
  const { compilerOptions } = JSON.parse(readFileSync(join(root, "packages/core/tsconfig.json"), "utf8"));
  expect(compilerOptions).toMatchObject({ types: [], lib: ["ES2023"] });
});

function write(file: string, text: string): void {
  const path = join(scratch, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
