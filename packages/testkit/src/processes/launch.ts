import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";

export interface NodeProgram {
  /** For error messages. */
  readonly name: string;
  readonly file: string;
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  /** All that it sees: nothing of this process's own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Written to its standard input, which is then closed. */
  readonly input?: string;
}

export interface Launched {
  readonly child: ChildProcessWithoutNullStreams;
  /** Its exit code, when it is gone; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** The same, once all that it wrote has been read. */
  readonly closed: Promise<number | null>;
}

const running = new Set<ChildProcessWithoutNullStreams>();
// A run that is broken off leaves no process behind.
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Spawns `node file`; it ends with this process at the latest. */
export function launch({ file, args = [], nodeArgs = [], env, input = "" }: NodeProgram): Launched {
  const child = spawn(process.execPath, [...nodeArgs, file, ...args], { env, stdio: "pipe" });
  running.add(child);
  child.once("exit", () => running.delete(child));
  // One that ended before it read all is found out by its end.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  return { child, ended: codeAt(child, "exit"), closed: codeAt(child, "close") };
}

async function codeAt(child: ChildProcessWithoutNullStreams, event: "exit" | "close"): Promise<number | null> {
  const [code] = (await once(child, event)) as [number | null];
  return code;
}
