import { hostname } from "node:os";
import {
  type Env,
  launchRoom,
  listening,
  type NodeProcess,
  type Passage,
  type Room,
  type TcpProxy,
} from "@evergrant/testkit";

const startWithinMs = 180_000;
const restartPauseMs = 300;

/** `asleep`: stopped by SIGSTOP. `cut off`: up, and partitioned from something. */
export type SlotState = "down" | "starting" | "up" | "asleep" | "cut off";

/** A place in the fleet, as a pod is: what ends by itself is started again, with the same environment. */
export interface Slot {
  readonly name: string;
  readonly room: Room;
  /** Its own ways to the servers. */
  readonly postgres: TcpProxy;
  readonly redis: TcpProxy | null;
  state: SlotState;
  readonly process: NodeProcess | null;
  /** Where its process serves; null until it does. */
  readonly url: string | null;
  /** The name under which its process claims refreshes; null until it has. */
  readonly holder: string | null;
  /** Starts a process and resolves when it serves. */
  start(): Promise<void>;
  /** SIGKILL; resolves when it is gone. What a proxy kept from leaving it is lost. It is not started again by itself. */
  kill(): Promise<void>;
  /**
   * SIGTERM; resolves when it is gone, by SIGKILL after five minutes. It is not started again by itself. One that
   * was up and does not end in order is told of as one that ended by itself.
   */
  stop(): Promise<void>;
}

export interface SlotOptions {
  readonly name: string;
  readonly room: Exclude<Room, "admin">;
  readonly env: Env;
  readonly postgres: TcpProxy;
  readonly redis: TcpProxy | null;
  readonly logFile: string;
  /** Told of a process that ended although nobody had told it to, or not in order (code null: by a signal). */
  readonly onDeath: (name: string, code: number | null, wasUp: boolean) => void;
}

export function createSlot({ name, room, env, postgres, redis, logFile, onDeath }: SlotOptions): Slot {
  let process: NodeProcess | null = null;
  let url: string | null = null;
  let holder: string | null = null;
  let isWanted = false;
  let state: SlotState = "down";

  async function start(): Promise<void> {
    isWanted = true;
    state = "starting";
    url = null;
    holder = null;
    const started = launchRoom(room, env, { logFile });
    process = started;
    const unwatch = room === "worker" ? postgres.watch(findHolder) : () => {};
    void started.ended.then((code) => {
      unwatch();
      if (isWanted && process === started) void startAgain(code);
    });
    try {
      const [, where = null] = await started.awaitLine(listening, startWithinMs);
      if (process !== started || !isWanted) return;
      url = where;
      state = "up";
    } catch {
      // It ended: it was killed, or is being started again. Or it hangs, which the campaign's end reports.
    }
  }

  function findHolder({ from, data }: Passage): undefined {
    if (from === "client" && holder === null) holder = holderPattern.exec(data.toString("latin1"))?.[0] ?? null;
  }

  async function startAgain(code: number | null): Promise<void> {
    onDeath(name, code, state !== "starting");
    state = "starting";
    await new Promise((resolve) => setTimeout(resolve, restartPauseMs));
    if (isWanted) await start();
  }

  async function kill(): Promise<void> {
    isWanted = false;
    state = "down";
    await process?.kill();
    // What was kept from leaving its machine never left it.
    for (const way of [postgres, redis]) way?.lose();
    await restoreWays();
  }

  async function stop(): Promise<void> {
    const wasUp = state === "up";
    isWanted = false;
    state = "down";
    const code = (await process?.stop(longestStopMs)) ?? (process === null ? 0 : null);
    if (wasUp && code !== 0) onDeath(name, code, true);
    await restoreWays();
  }

  /** What a partition or a withheld answer left behind ends with the process that it was for. */
  async function restoreWays(): Promise<void> {
    await Promise.all([postgres.restore(), redis?.restore()]);
  }

  return {
    name,
    room,
    postgres,
    redis,
    get state() {
      return state;
    },
    set state(next) {
      state = next;
    },
    get process() {
      return process;
    },
    get url() {
      return url;
    },
    get holder() {
      return holder;
    },
    start,
    kill,
    stop,
  };
}

const longestStopMs = 300_000;

/** As a worker signs its claims; the pid of a process is in nothing that it sends. */
const holderPattern = new RegExp(`${hostname().replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}/[0-9a-f]{8}`);
