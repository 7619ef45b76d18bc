import { randomUUID } from "node:crypto";
import { createQueueBackend, type QueueBackend, type RefreshSignal } from "@evergrant/queue";
import { createTestDatabase } from "@evergrant/testkit";
import { describe, inject } from "vitest";

export type BackendKind = "postgres" | "redis";

/** The same suite for both backends; the one for Redis is skipped where there is none. */
export function describeOnBothBackends(title: string, suite: (kind: BackendKind) => void): void {
  for (const kind of ["postgres", "redis"] as const) {
    describe.skipIf(kind === "redis" && inject("redisUrl") === null)(`${title} (${kind})`, () => suite(kind));
  }
}

/** One place for queues, to be reached by any number of "processes", each with a backend object of its own. */
export interface QueuePlace {
  open(): QueueBackend;
  readonly redisUrl: string | undefined;
  readonly databaseUrl: string;
  readonly namespace: string;
  /** What any backend complained of. */
  readonly errors: Error[];
  /** Closes every backend that was opened, then removes the place. */
  leave(): Promise<void>;
}

export async function openQueuePlace(kind: BackendKind): Promise<QueuePlace> {
  const database = await createTestDatabase({ migrated: false });
  const redisUrl = kind === "redis" ? (inject("redisUrl") ?? undefined) : undefined;
  const place = placeAt({ redisUrl, databaseUrl: database.url });
  await place.open().prepare();
  return {
    ...place,
    leave: async () => {
      await place.leave();
      await database.drop();
    },
  };
}

export function placeAt(where: { redisUrl: string | undefined; databaseUrl: string }): QueuePlace {
  const namespace = `test-${randomUUID()}`;
  const errors: Error[] = [];
  const opened: QueueBackend[] = [];
  return {
    ...where,
    namespace,
    errors,
    open: () => {
      const backend = createQueueBackend({ ...where, namespace, onError: (error) => errors.push(error) });
      opened.push(backend);
      return backend;
    },
    leave: async () => {
      await Promise.all(opened.map((backend) => backend.close()));
    },
  };
}

/** A handler whose every call waits until the test lets it end. */
export class GatedHandler {
  /** Ids in the order in which their handling began. */
  readonly begun: string[] = [];
  runningMax = 0;
  readonly #running = new Map<string, (signal: RefreshSignal) => void>();

  readonly handle = (connectionId: string): Promise<RefreshSignal> => {
    this.begun.push(connectionId);
    return new Promise((resolve) => {
      this.#running.set(connectionId, resolve);
      this.runningMax = Math.max(this.runningMax, this.#running.size);
    });
  };

  get running(): string[] {
    return [...this.#running.keys()];
  }

  end(connectionId: string, signal: RefreshSignal = { kind: "done" }): void {
    const resolve = this.#running.get(connectionId);
    if (resolve === undefined) throw new Error(`${connectionId} does not run`);
    this.#running.delete(connectionId);
    resolve(signal);
  }
}

/** Records the ids and is done at once. */
export function recordingHandler(): { handled: string[]; handle(connectionId: string): Promise<RefreshSignal> } {
  const handled: string[] = [];
  return {
    handled,
    handle: async (connectionId) => {
      handled.push(connectionId);
      return { kind: "done" };
    },
  };
}
