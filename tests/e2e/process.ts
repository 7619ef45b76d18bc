import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const root = join(import.meta.dirname, "..", "..");
const ENTRIES = {
  scheduler: "apps/scheduler/dist/main.js",
  worker: "apps/worker/dist/main.js",
  metrics: "apps/metrics/dist/main.js",
  admin: "apps/admin/bin/evergrant.mjs",
} as const;
const START_WITHIN_MS = 30_000;

export type Room = keyof typeof ENTRIES;
export type Env = Readonly<Record<string, string>>;

/** A process of Evergrant, as it is deployed: its own entry file, its own environment. */
export interface Running {
  readonly room: Room;
  readonly process: ChildProcess;
  /** Where its health and metrics are. */
  readonly url: string;
  /** Every line that it has written so far. */
  readonly lines: readonly string[];
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

const started = new Set<Running>();
// A run that is broken off leaves no process behind.
process.once("exit", () => {
  for (const running of started) running.process.kill("SIGKILL");
});

/** Starts a room and resolves when it says where it listens. Rejects with its last lines when it ends before. */
export async function start(room: Exclude<Room, "admin">, env: Env): Promise<Running> {
  const { child, lines } = launch(room, [], env);
  const ended = once(child, "exit").then(([code]) => code as number | null);
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${room} ${why}:\n${lines.slice(-10).join("\n")}`));
    const late = setTimeout(() => fail("did not say where it listens"), START_WITHIN_MS);
    void ended.then((code) => fail(`ended with ${code}`));
    createInterface({ input: child.stdout ?? ([] as never) }).on("line", (line) => {
      lines.push(line);
      const found = /"url":"([^"]+)"/.exec(line)?.[1];
      if (found === undefined) return;
      clearTimeout(late);
      resolve(found);
    });
  });
  const end = async (signal: NodeJS.Signals) => {
    started.delete(running);
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return ended;
  };
  const running: Running = {
    room,
    process: child,
    url,
    lines,
    stop: () => end("SIGTERM"),
    kill: async () => void (await end("SIGKILL")),
  };
  started.add(running);
  return running;
}

/** Stops whatever a test has left running. */
export async function stopAll(): Promise<void> {
  await Promise.all([...started].map((running) => running.stop()));
}

export interface AdminAnswer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

/** Runs the operator's command to its end. */
export function admin(args: readonly string[], env: Env, input = ""): Promise<AdminAnswer> {
  return runToEnd("admin", env, args, input);
}

/** Runs a process that is expected to end by itself. */
export async function runToEnd(room: Room, env: Env, args: readonly string[] = [], input = ""): Promise<AdminAnswer> {
  const startedAt = performance.now();
  const { child, lines } = launch(room, args, env);
  let stdout = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stdin?.end(input);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr: lines.join("\n"), tookMs: performance.now() - startedAt };
}

function launch(room: Room, args: readonly string[], env: Env): { child: ChildProcess; lines: string[] } {
  // A child needs PATH; of our variables it gets only what the test says.
  const system = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(EVERGRANT_|DATABASE_URL|REDIS_URL)/.test(name)),
  );
  const child = spawn(process.execPath, [join(root, ENTRIES[room]), ...args], {
    env: { ...system, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => lines.push(line));
  return { child, lines };
}

/** Waits until a condition holds, looking every 50 ms. Fails with what it waited for. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  withinMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited ${withinMs} ms in vain until ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
