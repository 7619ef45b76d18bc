import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createScratchTree } from "../src/scratch-tree.ts";

const LAST_BUILT = new Date("2026-01-02T03:04:05Z");

/** Two rooms, one linked into the other as pnpm does it, and a package that is installed. */
async function aProject(): Promise<string> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "evergrant-project-")));
  onTestFinished(() => rm(root, { recursive: true }));
  for (const folder of [
    "packages/core/dist",
    "apps/worker/node_modules/@evergrant",
    "node_modules/.pnpm/lib/node_modules/lib",
    "node_modules/.vite",
    ".git",
    ".evergrant",
  ]) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await writeFile(join(root, "packages/core/dist/index.js"), "core");
  await utimes(join(root, "packages/core/dist/index.js"), LAST_BUILT, LAST_BUILT);
  await writeFile(join(root, "node_modules/.pnpm/lib/node_modules/lib/index.js"), "lib");
  await symlink("../../../../packages/core", join(root, "apps/worker/node_modules/@evergrant/core"));
  await symlink("../../../node_modules/.pnpm/lib/node_modules/lib", join(root, "apps/worker/node_modules/lib"));
  for (const secret of [".env", "key-ring", "xero.secret"]) await writeFile(join(root, secret), "a secret");
  await writeFile(join(root, ".env.example"), "# nothing");
  return root;
}

test("a copy has rooms of its own, and shares what is installed", async () => {
  const root = await aProject();
  const tree = await createScratchTree(root);
  onTestFinished(() => tree.remove());
  const linked = join(tree.path, "apps/worker/node_modules");
  expect(await realpath(join(linked, "@evergrant/core"))).toBe(await realpath(join(tree.path, "packages/core")));
  expect(await realpath(join(linked, "lib"))).toBe(join(root, "node_modules/.pnpm/lib/node_modules/lib"));
  expect(await readFile(join(linked, "lib/index.js"), "utf8")).toBe("lib");
  expect(await readlink(join(tree.path, "node_modules/.pnpm"))).toBe(join(root, "node_modules/.pnpm"));
});

test("what was built counts as built in the copy", async () => {
  const tree = await createScratchTree(await aProject());
  onTestFinished(() => tree.remove());
  expect((await stat(join(tree.path, "packages/core/dist/index.js"))).mtime).toEqual(LAST_BUILT);
});

test("neither secrets nor caches nor the project's past are copied, and nothing of the copy remains", async () => {
  const tree = await createScratchTree(await aProject());
  expect((await readdir(tree.path)).sort()).toEqual([".env.example", ".temp", "apps", "node_modules", "packages"]);
  expect(await readdir(join(tree.path, "node_modules"))).toEqual([".pnpm"]);
  await tree.remove();
  await expect(stat(tree.path)).rejects.toThrow("ENOENT");
});
