import { spawn } from "node:child_process";
import { once } from "node:events";

const stopWithinMs = 20_000;
const outputCharactersKept = 4_000;

/** A Node process that takes part in a measurement. */
export interface Child {
  readonly name: string;
  isRunning(): boolean;
  /** Resolves with the first line that it writes. @throws Error when it ends before. */
  firstLine(): Promise<string>;
  /** Asks it to end in order and waits, 20 s at most; then it is killed. Harmless when it has ended. */
  stop(): Promise<void>;
  /** The last of what it wrote, for error messages. */
  lastWords(): string;
}

/**
 * Starts `node file`. It sees the environment given and nothing of ours, and it ends with this process
 * at the latest.
 *
 * @param options.input written to its standard input, which is then closed
 */
export function startChild(options: {
  readonly name: string;
  readonly file: string;
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}): Child {
  const { name, file, args = [], nodeArgs = [], env = {}, input = "" } = options;
  const child = spawn(process.execPath, [...nodeArgs, file, ...args], { env, stdio: "pipe" });
  const kill = () => void child.kill("SIGKILL");
  process.once("exit", kill);
  const ended = once(child, "exit").then(() => process.off("exit", kill));
  // One that ended before it read all is found out by its end.
  child.stdin.on("error", () => {});
  child.stdin.end(input);

  let output = "";
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-outputCharactersKept);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const lastWords = () => output.trim();
  const isRunning = () => child.exitCode === null && child.signalCode === null;

  return {
    name,
    isRunning,
    lastWords,
    async firstLine() {
      while (!output.includes("\n")) {
        await Promise.race([once(child.stdout, "data"), ended]);
        if (!isRunning()) throw new Error(`${name} did not start:\n${lastWords()}`);
      }
      return output.slice(0, output.indexOf("\n"));
    },
    async stop() {
      if (!isRunning()) return;
      child.kill("SIGTERM");
      const forced = setTimeout(kill, stopWithinMs);
      await ended;
      clearTimeout(forced);
    },
  };
}
