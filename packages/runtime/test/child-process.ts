import { type ChildProcess, execFile, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, vi } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** A child runs what was built: building first keeps it from being older than the sources. */
export async function buildRuntime(): Promise<void> {
  await promisify(execFile)("node_modules/.bin/tsc", ["-b", "packages/runtime"], { cwd: root });
}

export interface Child {
  send(order: string): void;
  kill(signal: NodeJS.Signals): void;
  /** Resolves once the output has a line with this text. */
  seen(text: string): Promise<void>;
  /** Resolves once the child has answered: it is alive, and has handled all that came before. */
  ping(): Promise<void>;
  exit: Promise<{ code: number | null; signal: string | null }>;
  output(): string;
}

export function startChild(...args: string[]): Child {
  const file = fileURLToPath(new URL("fixtures/process.mjs", import.meta.url));
  const child: ChildProcess = fork(file, args, { stdio: ["ignore", "pipe", "pipe", "ipc"], execArgv: [] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += String(chunk)));
  return {
    send: (order) => void child.send(order),
    kill: (signal) => void child.kill(signal),
    seen: (text) => vi.waitFor(() => expect(output).toContain(text), { timeout: 20_000, interval: 10 }),
    async ping() {
      const answer = once(child, "message");
      child.send("ping");
      await answer;
    },
    exit: once(child, "close").then(([code, signal]) => ({ code, signal })),
    output: () => output,
  };
}
