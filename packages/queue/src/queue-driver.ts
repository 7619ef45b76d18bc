import { setTimeout as pause } from "node:timers/promises";
import type { BackendFactory, IQueueBackend } from "bullmq";

/** How long a worker rests after it failed to fetch a job. */
const FETCH_RETRY_MS = 500;

/** Everything in which Redis and Postgres differ. */
export interface QueueDriver {
  readonly kind: "redis" | "postgres";
  /** For queues that are only written and asked: shares one bounded set of connections and fails within seconds. */
  readonly producer: BackendFactory<IQueueBackend, unknown>;
  /** The connections of one worker: patient, its own, with a way to drop them when they no longer answer. */
  openConsumer(): ConsumerConnections;
  /** Runs the work while nobody else runs work of this name, where the backend's own commands are not safe side by side. */
  alone(name: string, work: () => Promise<void>): Promise<void>;
  prepare(): Promise<void>;
  /** @throws Error when the backend is not usable now; may take its time. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface ConsumerConnections {
  readonly factory: BackendFactory<IQueueBackend, unknown>;
  /** Lets the connections go in order. To be called once the worker is closed. */
  close(): Promise<void>;
  /** Tears the connections down without waiting for anybody, so that whatever waits on them ends. */
  drop(): void;
}

/**
 * The same backend, resting after a failed fetch. A worker of BullMQ waits before it asks again only when the connection was
 * refused; after any other error (Redis is loading, Postgres is starting up) it would ask again at once, thousands of times a second.
 */
export function restAfterFailedFetch<B extends IQueueBackend>(backend: B): B {
  const fetchJob = backend.moveToActive.bind(backend);
  backend.moveToActive = async (token, name) => {
    try {
      return await fetchJob(token, name);
    } catch (error) {
      await pause(FETCH_RETRY_MS);
      throw error;
    }
  };
  return backend;
}
