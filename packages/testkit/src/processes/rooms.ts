import { fileURLToPath } from "node:url";
import { type NodeProcess, startNodeProcess } from "./node-process.ts";
import { type ProcessAnswer, runNodeProcess } from "./run-node-process.ts";

/** The folder of the whole project. The same depth from src/ and from dist/. */
export const projectRoot = fileURLToPath(new URL("../../../..", import.meta.url));

const files = {
  scheduler: "apps/scheduler/dist/main.js",
  worker: "apps/worker/dist/main.js",
  metrics: "apps/metrics/dist/main.js",
  admin: "apps/admin/bin/evergrant.mjs",
} as const;

/** A process of Evergrant, as it is deployed: its own entry file, its own environment. */
export type Room = keyof typeof files;

export type Env = Readonly<Record<string, string>>;

/** A room that serves until it is stopped. */
export interface RunningRoom extends NodeProcess {
  readonly room: Room;
  /** Where its health and metrics are. */
  readonly url: string;
}

interface LaunchOptions {
  /** Everything that it writes is added to this file. */
  readonly logFile?: string;
  /** For Node itself, such as those of its profiler. */
  readonly nodeArgs?: readonly string[];
}

/** Starts a room without waiting for it. */
export function launchRoom(room: Room, env: Env, options: LaunchOptions = {}): NodeProcess {
  return startNodeProcess({ name: room, file: projectRoot + files[room], env, ...options });
}

/**
 * Starts a room and resolves when it says where it listens.
 *
 * @throws Error with its last lines when it ends before
 */
export async function startRoom(room: Exclude<Room, "admin">, env: Env): Promise<RunningRoom> {
  const running = launchRoom(room, env);
  const [, url = ""] = await running.awaitLine(listening);
  return { ...running, room, url };
}

/** What a room writes when it serves; the first group is where. */
export const listening = /"url":"([^"]+)"/;

/** Runs a room that is expected to end by itself, such as the operator's command. */
export function runRoom(room: Room, env: Env, args: readonly string[] = [], input = ""): Promise<ProcessAnswer> {
  return runNodeProcess({ name: room, file: projectRoot + files[room], env, args, input });
}
