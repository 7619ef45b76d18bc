import { type IQueueBackend, type Job, Queue, Worker, type WorkerOptions } from "bullmq";
import { createPostgresDriver } from "./postgres-driver.ts";
import type { QueueAddress } from "./queue-address.ts";
import type { QueueDriver } from "./queue-driver.ts";
import { quietRepeats } from "./quiet-repeats.ts";
import { createRedisDriver } from "./redis-driver.ts";
import { stopWorker } from "./stop-worker.ts";
import { within } from "./within.ts";

const PING_WITHIN_MS = 2_000;
/** BullMQ's event stream; nothing here reads it, people with a queue board do. */
const EVENTS_KEPT = 1_000;
/** A worker that missed a wake-up looks again after this. */
const DRAIN_DELAY_SECONDS = 2;
const RECONNECT_PAUSE_MS = 1_000;

export interface QueueBackendOptions {
  /** `redis://` or `rediss://`; without it the queues live in the database. */
  redisUrl?: string | undefined;
  databaseUrl: string;
  /** Two installations that share one Redis need two names. Default `evergrant`. */
  namespace?: string;
  /** Told of lost connections and their like; the same complaint at most once in 10 s. The process goes on in any case. */
  onError(error: Error): void;
}

/** Where the queues live, and how to reach it. `RefreshQueues`, `consumeRefreshes` and `startTick` take one. */
export interface QueueBackend {
  readonly kind: "redis" | "postgres";
  readonly namespace: string;
  /** Creates or updates the queue's tables (Postgres), safely when many pods start at once. Redis needs nothing. */
  prepare(): Promise<void>;
  /** For readiness. @throws Error when the backend does not answer within 2 s, or its tables are missing. */
  ping(): Promise<void>;
  /** Lets the shared connections go. To be called after all that was opened with this backend is closed. */
  close(): Promise<void>;
  /** Runs the work while no other process runs work of this name. */
  alone(name: string, work: () => Promise<void>): Promise<void>;
  /** A queue to write to and to ask: its commands fail within seconds while the backend is away. */
  openQueue(address: QueueAddress): BullQueue;
  /** A worker that waits for its backend as long as it takes, and goes on when it is back. */
  openWorker(address: QueueAddress, run: RunJob, options: OpenWorkerOptions): RunningWorker;
}

export type BullQueue = Queue<unknown, unknown, string, unknown, unknown, string, IQueueBackend, unknown>;
export type BullWorker = Worker<unknown, void, string, IQueueBackend, object, unknown>;
type RunJob = (job: Job<unknown, void, string, object>, worker: BullWorker) => Promise<void>;

interface OpenWorkerOptions
  extends Pick<
    WorkerOptions<unknown>,
    "concurrency" | "lockDuration" | "stalledInterval" | "limiter" | "maximumRateLimitDelay"
  > {
  onError(error: Error): void;
}

interface RunningWorker {
  readonly worker: BullWorker;
  /** Takes no more jobs and waits for the running ones. Idempotent. */
  close(): Promise<void>;
}

/** No connection is made before one is needed. */
export function createQueueBackend(options: QueueBackendOptions): QueueBackend {
  const report = quietRepeats(options.onError);
  const driver: QueueDriver =
    options.redisUrl === undefined
      ? createPostgresDriver(options.databaseUrl, report)
      : createRedisDriver(options.redisUrl, report);

  return {
    kind: driver.kind,
    namespace: options.namespace ?? "evergrant",
    prepare: () => driver.prepare(),
    ping: () =>
      within(driver.ping(), PING_WITHIN_MS, `The queue's backend did not answer within ${PING_WITHIN_MS} ms.`),
    close: () => driver.close(),
    alone: (name, work) => driver.alone(name, work),
    openQueue: (address) => openQueue(driver, address, report),
    openWorker: (address, run, workerOptions) => openWorker(driver, address, run, workerOptions),
  };
}

function openQueue(driver: QueueDriver, { name, prefix }: QueueAddress, report: (error: Error) => void): BullQueue {
  const streams = { events: { maxLen: EVENTS_KEPT } };
  const queue: BullQueue = new Queue(name, { prefix, streams, connection: {} }, driver.producer);
  queue.on("error", report);
  return queue;
}

function openWorker(
  driver: QueueDriver,
  { name, prefix }: QueueAddress,
  run: RunJob,
  { onError, ...options }: OpenWorkerOptions,
): RunningWorker {
  const report = quietRepeats(onError);
  const connections = driver.openConsumer();
  const running = new Set<Promise<void>>();
  const worker: BullWorker = new Worker(
    name,
    (job) => {
      const handled = run(job, worker);
      running.add(handled);
      return handled.finally(() => running.delete(handled));
    },
    {
      ...options,
      prefix,
      connection: {},
      drainDelay: DRAIN_DELAY_SECONDS,
      runRetryDelay: RECONNECT_PAUSE_MS,
    },
    connections.factory,
  );
  worker.on("error", report);
  worker.on("stalled", (jobId) => report(new Error(`Job ${jobId} of queue ${name} lost its worker and waits again.`)));

  let closed: Promise<void> | undefined;
  return {
    worker,
    close: () => {
      closed ??= stopWorker(worker, running, connections);
      return closed;
    },
  };
}
