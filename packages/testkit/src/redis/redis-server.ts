import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import getPort from "get-port";
import { Redis } from "ioredis";

const BINARIES = ["redis-server", "valkey-server"];
const READY_WITHIN_MS = 10_000;
const STOP_WITHIN_MS = 5_000;
const BIND_ATTEMPTS = 3;
const OUTPUT_CHARACTERS_KEPT = 4_000;

export interface RedisServerOptions {
  /** Loopback port; a free one when left out. */
  port?: number;
  /** Working directory of the server; a temporary one, removed by `stop`, when left out. */
  dir?: string;
  /** Further arguments, after (and so stronger than) the defaults: `["--appendonly", "yes"]`. */
  args?: readonly string[];
}

/** A `redis-server` process of the caller's own, on 127.0.0.1. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Ends it in order and removes its temporary directory. Harmless when it is already gone. */
  stop(): Promise<void>;
  /** SIGKILL: it is gone at once, with whatever was not on disk. */
  kill(): Promise<void>;
  /** Starts it again on the same port (after ending it in order, if it still runs). Without persistence it is empty. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nobody answers, as behind a network partition. */
  freeze(): void;
  /** SIGCONT: the end of `freeze`. */
  thaw(): void;
}

/**
 * Starts `redis-server` (or `valkey-server`) from PATH without persistence, and returns once it answers PING.
 *
 * @throws Error when neither is on PATH, or when the server ends or stays silent for 10 s; the text holds its last output.
 */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const binary = await findRedisServer();
  if (binary === undefined) {
    throw new Error(
      `Neither ${BINARIES.join(" nor ")} is on PATH: install one (Debian: apt-get install redis-server).`,
    );
  }
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "evergrant-redis-")));
  const removeOwnDir = async () => {
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  };
  const launch = (port: number) => launchServer(binary, port, dir, options.args ?? []);
  let running: RunningServer;
  try {
    running = await launchOnFreePort(launch, options.port);
  } catch (error) {
    await removeOwnDir();
    throw error;
  }
  const { port } = running;
  const end = (signal: NodeJS.Signals) => endProcess(running.child, signal);

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    stop: async () => {
      await end("SIGTERM");
      await removeOwnDir();
    },
    kill: () => end("SIGKILL"),
    restart: async () => {
      await end("SIGTERM");
      running = await launch(port);
    },
    freeze: () => void running.child.kill("SIGSTOP"),
    thaw: () => void running.child.kill("SIGCONT"),
  };
}

/** The name of the Redis (or Valkey) server program on PATH, or undefined when there is none. */
export async function findRedisServer(): Promise<string | undefined> {
  for (const binary of BINARIES) {
    const child = spawn(binary, ["--version"], { stdio: "ignore" });
    const found = await new Promise<boolean>((resolve) => {
      child.once("error", () => resolve(false));
      child.once("exit", (code) => resolve(code === 0));
    });
    if (found) return binary;
  }
  return undefined;
}

interface RunningServer {
  readonly child: ChildProcess;
  readonly port: number;
}

/** Between the choice of a free port and the bind another process may take it, so a port of our own choice is retried. */
async function launchOnFreePort(
  launch: (port: number) => Promise<RunningServer>,
  wanted: number | undefined,
): Promise<RunningServer> {
  if (wanted !== undefined) return launch(wanted);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await launch(await getPort({ host: "127.0.0.1" }));
    } catch (error) {
      if (attempt === BIND_ATTEMPTS) throw error;
    }
  }
}

async function launchServer(
  binary: string,
  port: number,
  dir: string,
  args: readonly string[],
): Promise<RunningServer> {
  const defaults = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no"];
  const child = spawn(binary, [...defaults, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const killWithUs = () => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  child.once("exit", () => process.off("exit", killWithUs));

  let output = "";
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-OUTPUT_CHARACTERS_KEPT);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);

  try {
    await answersPing(child, port);
  } catch (error) {
    await endProcess(child, "SIGKILL");
    throw new Error(`${binary} did not start on port ${port}: ${(error as Error).message}\n${output}`);
  }
  return { child, port };
}

/** Resolves once this very process answers: another server may hold the port already, and would answer in its place. */
async function answersPing(child: ChildProcess, port: number): Promise<void> {
  const client = new Redis({ host: "127.0.0.1", port, retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on("error", () => {});
  let giveUp: NodeJS.Timeout | undefined;
  const failed = new Promise<never>((_, reject) => {
    giveUp = setTimeout(() => reject(new Error(`no answer within ${READY_WITHIN_MS} ms`)), READY_WITHIN_MS);
    child.once("exit", (code) => reject(new Error(`it ended with exit code ${code}`)));
  });
  try {
    await Promise.race([client.ping(), failed]);
    const info = await Promise.race([client.info("server"), failed]);
    if (!info.includes(`process_id:${child.pid}\r`)) throw new Error("another server already answers there");
  } finally {
    clearTimeout(giveUp);
    client.disconnect();
  }
}

async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGCONT");
  child.kill(signal);
  const forced = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS);
  await exited;
  clearTimeout(forced);
}
