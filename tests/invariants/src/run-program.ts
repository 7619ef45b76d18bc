import { spawn } from "node:child_process";

export interface ProgramEnd {
  /** Null when it was ended by a signal. */
  readonly code: number | null;
  /** The last of what it wrote. */
  readonly output: string;
  readonly isLate: boolean;
}

const OUTPUT_KEPT = 8_000;
/** What a program that was told to stop may take to end its own servers. */
const STOP_WITHIN_MS = 10_000;

/**
 * Runs a program to its end, in a process group of its own. One that takes too long, or whose caller gives up,
 * is told to stop, and then ended with all that it started.
 */
export function runProgram(
  file: string,
  args: readonly string[],
  options: {
    readonly cwd: string;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly withinMs: number;
    readonly signal: AbortSignal;
  },
): Promise<ProgramEnd> {
  const { cwd, env, withinMs, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return resolve({ code: null, output: "", isLate: false });
    const child = spawn(file, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let isLate = false;
    let forced: NodeJS.Timeout | undefined;
    const stop = () => {
      child.kill("SIGTERM");
      forced ??= setTimeout(() => endGroup(child.pid), STOP_WITHIN_MS);
    };
    const late = setTimeout(() => {
      isLate = true;
      stop();
    }, withinMs);
    const keep = (text: Buffer) => {
      output = `${output}${text.toString()}`.slice(-OUTPUT_KEPT);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    signal.addEventListener("abort", stop);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(late);
      clearTimeout(forced);
      signal.removeEventListener("abort", stop);
      // What it may have left behind.
      endGroup(child.pid);
      resolve({ code, output, isLate });
    });
  });
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody is left.
  }
}
