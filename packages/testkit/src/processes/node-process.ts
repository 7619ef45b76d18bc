import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { launch, type NodeProgram } from "./launch.ts";

const stopWithinMs = 60_000;
const lineWithinMs = 30_000;
const linesKept = 500;
const linesInErrors = 10;

/** A Node process that takes part in a test or a measurement. It ends with this process at the latest. */
export interface NodeProcess {
  readonly name: string;
  readonly pid: number;
  /** The last 500 lines that it wrote, to standard output and standard error alike. */
  readonly lines: readonly string[];
  /** Its exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  isRunning(): boolean;
  /**
   * Resolves with the first line that matches, also when it was written before.
   *
   * @throws Error with its last lines when it ends before, or does not write one in time
   */
  awaitLine(pattern: RegExp, withinMs?: number): Promise<RegExpExecArray>;
  /**
   * SIGTERM, then waits, a minute at most unless told; then it is killed. Harmless when it has ended.
   * Resolves with its exit code.
   */
  stop(withinMs?: number): Promise<number | null>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: it does nothing more, and whoever it is connected to sees no difference. */
  freeze(): void;
  /** SIGCONT: the end of `freeze`. */
  thaw(): void;
  /** Its last lines, for error messages. */
  lastWords(): string;
}

/**
 * Starts `node file`.
 *
 * @param program.logFile everything that it writes is added to this file
 */
export function startNodeProcess(program: NodeProgram & { readonly logFile?: string }): NodeProcess {
  const { name, logFile } = program;
  const { child, ended, closed } = launch(program);
  const output = keepOutput([child.stdout, child.stderr], logFile, closed);
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const lastWords = () => output.lines.slice(-linesInErrors).join("\n");
  return {
    name,
    pid: child.pid ?? 0,
    lines: output.lines,
    ended,
    isRunning,
    lastWords,
    async awaitLine(pattern, withinMs = lineWithinMs) {
      let late: NodeJS.Timeout | undefined;
      const reasons = [
        closed.then((code) => `ended with ${code ?? child.signalCode}`),
        new Promise<string>((resolve) => {
          late = setTimeout(() => resolve(`did not write ${String(pattern)} within ${withinMs} ms`), withinMs);
        }),
      ];
      const found = output.find(pattern);
      const first = await Promise.race([found.line, ...reasons]);
      clearTimeout(late);
      found.end();
      if (typeof first === "string") throw new Error(`${name} ${first}:\n${lastWords()}`);
      return first;
    },
    async stop(withinMs = stopWithinMs) {
      if (isRunning()) child.kill("SIGTERM");
      const forced = setTimeout(() => child.kill("SIGKILL"), withinMs);
      const code = await ended;
      clearTimeout(forced);
      return code;
    },
    async kill() {
      if (isRunning()) child.kill("SIGKILL");
      await ended;
    },
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
  };
}

function keepOutput(streams: readonly Readable[], logFile: string | undefined, closed: Promise<unknown>) {
  const lines: string[] = [];
  const listeners = new Set<(line: string) => void>();
  const log = logFile === undefined ? undefined : createWriteStream(logFile, { flags: "a" });
  // A log that cannot be written must not end a run.
  log?.on("error", () => {});
  void closed.then(() => log?.end());
  for (const stream of streams) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      if (lines.length > linesKept) lines.shift();
      log?.write(`${line}\n`);
      for (const listener of listeners) listener(line);
    });
  }
  return {
    lines,
    find(pattern: RegExp): { readonly line: Promise<RegExpExecArray>; end(): void } {
      let listener = (_line: string) => {};
      const line = new Promise<RegExpExecArray>((resolve) => {
        listener = (text) => {
          const match = pattern.exec(text);
          if (match !== null) resolve(match);
        };
      });
      for (const text of lines) listener(text);
      listeners.add(listener);
      return { line, end: () => void listeners.delete(listener) };
    },
  };
}
