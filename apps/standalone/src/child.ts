import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import type { AppName } from "@evergrant/runtime";
import { childEnv } from "./env.ts";
import { entry } from "./rooms.ts";

const LOG_LINES_SHOWN = 8;

/** A process that standalone started, in a process group of its own so that Ctrl-C does not reach it. */
export interface Child {
  readonly name: string;
  readonly logFile: string;
  /** Resolves when the process has ended, with its code. */
  readonly ended: Promise<number | null>;
  readonly process: ChildProcess;
  /** Sends SIGTERM and waits, however long the process takes to stop in order. */
  stop(): Promise<void>;
  /** The last lines that it wrote. */
  lastLines(): string;
}

/** Starts `node file …` with its output in `logFile`, told to stop should this process vanish. */
export function startChild(options: {
  readonly name: string;
  /** Whose variables it may see; null for none. */
  readonly app: AppName | null;
  readonly file: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly logFile: string;
}): Child {
  const { name, app, file, args = [], env = {}, logFile } = options;
  const log = openSync(logFile, "a", 0o600);
  const child = spawn(process.execPath, ["--import", entry.followParent, file, ...args], {
    detached: true,
    env: childEnv(app, env),
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const ended = once(child, "exit").then(([code]) => code as number | null);
  return {
    name,
    logFile,
    ended,
    process: child,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      await ended;
    },
    lastLines: () => readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-LOG_LINES_SHOWN).join("\n"),
  };
}
