import { join } from "node:path";
import { type Env, startTcpProxy } from "@evergrant/testkit";
import { createSlot, type Slot } from "./slot.ts";

const host = "127.0.0.1";
const workerCount = 3;
/** Few enough that one kill does not take every grant of a backlog along. */
const workerConcurrency = 16;
const schedulerCount = 2;

export interface Fleet {
  readonly workers: readonly Slot[];
  readonly schedulers: readonly Slot[];
  readonly metrics: Slot;
  /** Starts another scheduler and two workers on the same database, with queues of their own. */
  startSecond(): Promise<SecondFleet>;
  /** SIGTERM to all of them; resolves when they are gone. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export interface SecondFleet {
  readonly workers: readonly Slot[];
  stop(): Promise<void>;
}

export interface FleetOptions {
  readonly databaseUrl: string;
  readonly redisUrl: string | null;
  readonly keyRing: string;
  /** Where token sets wait when there is no Redis to take them. */
  readonly escrowDir: string;
  readonly leaseMs: number;
  /** For the logs of the processes. */
  readonly folder: string;
  readonly onDeath: (name: string, code: number | null, wasUp: boolean) => void;
}

/** Starts two schedulers, three workers and metrics; each reaches PostgreSQL and Redis through proxies of its own. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const slots: Slot[] = [];
  const add = async (name: string, room: Slot["room"], more: Env = {}) => {
    const slot = await openSlot(options, name, room, more);
    slots.push(slot);
    return slot;
  };
  const addAll = (room: "worker" | "scheduler", count: number, suffix = "", more: Env = {}) =>
    Promise.all(Array.from({ length: count }, (_, index) => add(`${room}${suffix}-${index + 1}`, room, more)));

  const workers = await addAll("worker", workerCount);
  const schedulers = await addAll("scheduler", schedulerCount);
  const metrics = await add("metrics", "metrics");
  await Promise.all(slots.map((slot) => slot.start()));

  return {
    workers,
    schedulers,
    metrics,
    async startSecond() {
      const apart = { EVERGRANT_QUEUE_NAMESPACE: "second" };
      const secondWorkers = await addAll("worker", 2, "-b", apart);
      const second = [...secondWorkers, ...(await addAll("scheduler", 1, "-b", apart))];
      await Promise.all(second.map((slot) => slot.start()));
      return {
        workers: secondWorkers,
        async stop() {
          await Promise.all(second.map((slot) => slot.stop()));
          await Promise.all(second.map(closeProxies));
          for (const slot of second) slots.splice(slots.indexOf(slot), 1);
        },
      };
    },
    stop: async () => void (await Promise.all(slots.map((slot) => slot.stop()))),
    async close() {
      await Promise.all(slots.map((slot) => slot.kill()));
      await Promise.all(slots.map(closeProxies));
    },
  };
}

async function closeProxies({ postgres, redis }: Slot): Promise<void> {
  await Promise.all([postgres.cut(), redis?.cut()]);
}

async function openSlot(options: FleetOptions, name: string, room: Slot["room"], more: Env): Promise<Slot> {
  if (room === "admin") throw new Error("The operator's command is no part of the fleet.");
  const postgres = await startTcpProxy({ host, port: portOf(options.databaseUrl) });
  const redis = options.redisUrl === null ? null : await startTcpProxy({ host, port: portOf(options.redisUrl) });
  const env: Env = {
    DATABASE_URL: through(options.databaseUrl, postgres.port),
    ...(options.redisUrl === null || redis === null ? {} : { REDIS_URL: through(options.redisUrl, redis.port) }),
    ...(room === "worker" ? { EVERGRANT_KEY_RING: options.keyRing } : {}),
    EVERGRANT_ESCROW_DIR: options.escrowDir,
    EVERGRANT_LEASE_MS: `${options.leaseMs}`,
    EVERGRANT_TICK_MS: "250",
    EVERGRANT_SWEEP_MS: "1000",
    EVERGRANT_SCHEDULER_PORT: "0",
    EVERGRANT_WORKER_PORT: "0",
    EVERGRANT_METRICS_PORT: "0",
    EVERGRANT_WORKER_CONCURRENCY: `${workerConcurrency}`,
    EVERGRANT_DATABASE_POOL: "5",
    EVERGRANT_LOG_PRETTY: "false",
    NODE_ENV: "production",
    ...more,
  };
  const logFile = join(options.folder, `${name}.log`);
  return createSlot({ name, room, env, postgres, redis, logFile, onDeath: options.onDeath });
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

function through(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = `${port}`;
  return changed.href;
}
