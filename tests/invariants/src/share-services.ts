import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";
import type { ScratchTree } from "./scratch-tree.ts";

/** Where the project has what starts PostgreSQL and Redis for a run of its tests. */
const SERVICES = "packages/testkit/dist/vitest/services.js";
const CONFIG = "vitest.shared.config.mjs";
/** Run by Node, so compiled. The same from src/ and from dist/. */
const HOLDER = join(import.meta.dirname, "../dist/hold-services.js");
const START_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 15_000;

/** PostgreSQL and Redis that the runs in one tree share: to start them for each would take as long as most tests do. */
export interface SharedServices {
  /** The configuration that a run is started with, in place of the project's own. */
  readonly config: string;
  /** What the run's tests are told, as JSON; for the variable of `provide-shared`. */
  readonly provided: string;
  stop(): Promise<void>;
}

/**
 * Starts a tree's services once. They end with this process at the latest.
 *
 * @returns null where the project has none
 * @throws Error with the last words of what did not start
 */
export async function shareServices(tree: ScratchTree): Promise<SharedServices | null> {
  const services = join(tree.path, SERVICES);
  if (!existsSync(services)) return null;
  const setUp = JSON.stringify(beside("provide-shared"));
  const config = join(tree.path, CONFIG);
  await writeFile(
    config,
    `import config from "./vitest.config.ts";\nexport default { ...config, test: { ...config.test, globalSetup: [${setUp}] } };\n`,
  );
  const holder = spawn(process.execPath, [HOLDER, services], {
    cwd: tree.path,
    env: { ...process.env, TMPDIR: tree.temp },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  const provided = await firstLine(holder);
  return { config, provided, stop: () => stop(holder) };
}

/** A file of this tool, compiled like this one or not. */
function beside(name: string): string {
  return join(import.meta.dirname, `${name}${extname(import.meta.filename)}`);
}

async function firstLine(holder: ChildProcess): Promise<string> {
  let lastWords = "";
  holder.stderr?.on("data", (text: Buffer) => {
    lastWords = `${lastWords}${text.toString()}`.slice(-2_000);
  });
  const late = setTimeout(() => endGroup(holder), START_WITHIN_MS);
  try {
    if (holder.stdout === null) throw new Error("The services say nothing.");
    for await (const line of createInterface({ input: holder.stdout })) return line;
    throw new Error(`The services did not start:\n${lastWords}`);
  } finally {
    clearTimeout(late);
  }
}

/** The holder stops them when nobody holds the other end of its standard input. */
async function stop(holder: ChildProcess): Promise<void> {
  const late = setTimeout(() => endGroup(holder), STOP_WITHIN_MS);
  const ended = holder.exitCode === null && holder.signalCode === null ? once(holder, "exit") : undefined;
  holder.stdin?.end();
  await ended;
  clearTimeout(late);
  endGroup(holder);
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody is left.
  }
}
