import { chmod, cp, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, relative, sep } from "node:path";

/** Neither sources nor what is made of them. The root's node_modules are linked instead. */
const LEFT_OUT: ReadonlySet<string> = new Set([".git", ".turbo", ".evergrant", "coverage", "node_modules"]);
/** What a user may have put there for Evergrant to read. No test needs it, and no copy of it may lie about. */
const SECRETS = /^(\.env|key-ring|.*\.secret)$/;
const CACHES: ReadonlySet<string> = new Set([".vite", ".vite-temp", ".vitest", ".cache"]);

/** A copy of the whole project in which code may be taken away. */
export interface ScratchTree {
  readonly path: string;
  /** Where whatever runs in the copy may leave its files. */
  readonly temp: string;
  remove(): Promise<void>;
}

/**
 * Copies a project to a folder of its own: sources, built files and the links of each room, which are
 * relative and so lead to the copy's own rooms; installed packages are linked. Times are kept, so that what
 * was built counts as built.
 */
export async function createScratchTree(root: string): Promise<ScratchTree> {
  const path = await mkdtemp(join(tmpdir(), "evergrant-invariants-"));
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 5 });
  try {
    // PostgreSQL runs as a user of its own, who has to get in.
    await chmod(path, 0o755);
    await cp(root, path, {
      recursive: true,
      verbatimSymlinks: true,
      preserveTimestamps: true,
      filter: (source) => isWanted(relative(root, source)),
    });
    await linkPackages(join(root, "node_modules"), join(path, "node_modules"));
    const temp = join(path, ".temp");
    await mkdir(temp, { mode: 0o755 });
    return { path, temp, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

function isWanted(path: string): boolean {
  const [first = "", ...rest] = path.split(sep);
  return !LEFT_OUT.has(first) && !SECRETS.test(basename(path)) && !rest.some((name) => CACHES.has(name));
}

/** Entry by entry: what a tool caches beside them stays in the copy. */
async function linkPackages(from: string, to: string): Promise<void> {
  await mkdir(to);
  const names = (await readdir(from)).filter((name) => !CACHES.has(name));
  await Promise.all(names.map((name) => symlink(join(from, name), join(to, name))));
}
