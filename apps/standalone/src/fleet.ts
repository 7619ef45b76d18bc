import { setTimeout as delay } from "node:timers/promises";
import { type Lifecycle, UserError } from "@evergrant/runtime";
import { type Child, startChild } from "./child.ts";
import { entry } from "./rooms.ts";
import type { StateFolder } from "./state-folder.ts";

const READY_WITHIN_MS = 30_000;
/** A process that died is started again after this, and then after twice as long, up to the bound. */
const RESTART_FIRST_MS = 500;
const RESTART_LONGEST_MS = 30_000;

export interface Fleet {
  /** Where the status page is. */
  readonly statusUrl: string;
}

interface Member {
  readonly name: string;
  readonly app: "scheduler" | "worker" | "metrics";
  readonly portVariable: string;
  readonly preferredPort?: number;
}

/**
 * Starts scheduler, workers and metrics as processes and keeps them running: one that dies is started
 * again, with growing pauses.
 *
 * @throws UserError with a process's last words when it does not become ready
 */
export async function startFleet(
  state: StateFolder,
  lifecycle: Pick<Lifecycle, "add">,
  options: {
    readonly workers: number;
    readonly env: Readonly<Record<string, string>>;
    readonly metricsPort: number;
    readonly say: (line: string) => void;
  },
): Promise<Fleet> {
  const members: Member[] = [
    { name: "metrics", app: "metrics", portVariable: "EVERGRANT_METRICS_PORT", preferredPort: options.metricsPort },
    ...Array.from({ length: options.workers }, (_, index) => ({
      name: `worker-${index + 1}`,
      app: "worker" as const,
      portVariable: "EVERGRANT_WORKER_PORT",
    })),
    { name: "scheduler", app: "scheduler", portVariable: "EVERGRANT_SCHEDULER_PORT" },
  ];
  const kept: { stop(): Promise<void> }[] = [];
  // All at once: nothing new is claimed, every refresh under way is settled.
  lifecycle.add("fleet", () => Promise.all(kept.map((keeper) => keeper.stop())));
  const urls = await Promise.all(
    members.map(async ({ name, app, portVariable, preferredPort }) => {
      const port = await state.port(name, preferredPort);
      const env = { EVERGRANT_ESCROW_DIR: state.file("escrow"), ...options.env, [portVariable]: `${port}` };
      const start = () => startChild({ name, app, file: entry[app], env, logFile: state.file(`${name}.log`) });
      const keeper = keepRunning(start, options.say);
      kept.push(keeper);
      const url = `http://127.0.0.1:${port}`;
      await becomesReady(keeper.first, url);
      return { name, url };
    }),
  );
  const metrics = urls.find(({ name }) => name === "metrics");
  return { statusUrl: `${metrics?.url ?? ""}/` };
}

function keepRunning(
  start: () => Child,
  say: (line: string) => void,
): { readonly first: Child; stop(): Promise<void> } {
  let stopping = false;
  let pauseMs = RESTART_FIRST_MS;
  let current = start();
  const first = current;
  const watch = async (child: Child): Promise<void> => {
    const code = await child.ended;
    if (stopping) return;
    say(`${child.name} ended with ${code}; starting it again. Its log: ${child.logFile}`);
    await delay(pauseMs);
    pauseMs = Math.min(RESTART_LONGEST_MS, pauseMs * 2);
    if (stopping) return;
    current = start();
    return watch(current);
  };
  void watch(first);
  return {
    first,
    async stop() {
      stopping = true;
      await current.stop();
    },
  };
}

async function becomesReady(child: Child, url: string): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  let over = false;
  void child.ended.then(() => {
    over = true;
  });
  while (!over && Date.now() < deadline) {
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.ok) return;
    await delay(50);
  }
  throw new UserError(`${child.name} did not start:\n${child.lastLines()}`);
}
