import { consumeRefreshes, type QueueBackend, type RefreshConsumer, RefreshQueues } from "@evergrant/queue";
import { type BackendFactory, createPostgresBackend, createRedisBackend, type IQueueBackend, Worker } from "bullmq";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import {
  describeOnBothBackends,
  GatedHandler,
  openQueuePlace,
  type QueuePlace,
  recordingHandler,
} from "./backend-under-test.ts";

describeOnBothBackends("consuming refreshes", (kind) => {
  let place: QueuePlace;
  let backend: QueueBackend;
  let queues: RefreshQueues;
  let app: string;
  let appCount = 0;
  const consumers: RefreshConsumer[] = [];

  beforeAll(async () => {
    place = await openQueuePlace(kind);
    backend = place.open();
    queues = new RefreshQueues(backend);
  });
  beforeEach(() => {
    appCount += 1;
    app = `app-${appCount}`;
    place.errors.length = 0;
  });
  afterEach(async () => {
    await Promise.all(consumers.splice(0).map((consumer) => consumer.close()));
  });
  afterAll(async () => {
    await queues.close();
    await place.leave();
  });

  function consume(handle: GatedHandler["handle"], options = { concurrency: 1, lockMs: 30_000 }): RefreshConsumer {
    const onError = (error: Error) => place.errors.push(error);
    const consumer = consumeRefreshes({ backend, appId: app, ...options, handle, onError });
    consumers.push(consumer);
    return consumer;
  }
  const hints = (...ids: string[]) => ids.map((connectionId) => ({ connectionId, priority: 100 }));
  const queue = () => backend.openQueue({ name: app, prefix: `{${place.namespace}:${app}}` });

  test("an idle worker is woken by an offer, it does not poll", async () => {
    const { handled, handle } = recordingHandler();
    consume(handle);
    const waitedMs: number[] = [];
    for (let round = 1; round <= 7; round += 1) {
      await expect.poll(() => queues.depth(app)).toEqual({ waiting: 0, active: 0 });
      const offeredMs = performance.now();
      await queues.offer(app, hints("a"));
      await expect.poll(() => handled.length, { interval: 1 }).toBe(round);
      waitedMs.push(performance.now() - offeredMs);
    }
    const median = waitedMs.sort((a, b) => a - b)[3];
    expect(median).toBeLessThan(200);
  });

  test("several jobs are in hand at once, as many as asked for", async () => {
    const handler = new GatedHandler();
    await queues.offer(app, hints("a", "b", "c", "d"));
    consume(handler.handle, { concurrency: 3, lockMs: 30_000 });
    await expect.poll(() => handler.running).toEqual(["a", "b", "c"]);
    handler.end("b");
    await expect.poll(() => handler.running).toEqual(["a", "c", "d"]);
    for (const id of handler.running) handler.end(id);
    expect(handler.runningMax).toBe(3);
  });

  test("a handler that throws costs its job only, and the connection can be offered again", async () => {
    const handled: string[] = [];
    consume(async (id) => {
      handled.push(id);
      if (handled.length === 1) throw new Error("bug with eyJ-secret-token");
      return { kind: "done" };
    });
    await queues.offer(app, hints("a"));
    await expect.poll(() => queue().getFailedCount()).toBe(1);
    await queues.offer(app, hints("b", "a"));
    await expect.poll(() => handled).toEqual(["a", "b", "a"]);
    expect(place.errors.map((error) => error.message)).toEqual(["bug with eyJ-secret-token"]);
  });

  test("nothing that a handler throws is written to the queue", async () => {
    consume(() => Promise.reject(new Error("bug with eyJ-secret-token")));
    await queues.offer(app, hints("a"));
    await expect.poll(() => queue().getFailedCount()).toBe(1);
    const [failed] = await queue().getFailed();
    expect(failed?.failedReason).toContain("worker's log");
    expect(JSON.stringify(failed?.asJSON())).not.toContain("secret");
  });

  test("what is thrown without being an Error reaches onError as one", async () => {
    consume(() => Promise.reject("plain text"));
    await queues.offer(app, hints("a"));
    await expect.poll(() => place.errors.map((error) => error.message)).toEqual(["plain text"]);
    expect(place.errors[0]).toBeInstanceOf(Error);
  });

  test("failed jobs are kept in bounded number", async () => {
    const concurrency = 20;
    consume(() => Promise.reject(new Error("bug")), { concurrency, lockMs: 30_000 });
    await queues.offer(app, hints(...Array.from({ length: 300 }, (_, index) => `c${index}`)));
    await expect.poll(() => queues.depth(app), { timeout: 10_000 }).toEqual({ waiting: 0, active: 0 });
    // Jobs that fail at the same moment do not see each other when they count.
    expect(await queue().getFailedCount()).toBeLessThanOrEqual(100 + concurrency);
  });

  test("close waits for the refreshes in hand, takes no other, and may be called twice", async () => {
    const handler = new GatedHandler();
    const consumer = consume(handler.handle, { concurrency: 2, lockMs: 30_000 });
    await queues.offer(app, hints("a", "b", "c"));
    await expect.poll(() => handler.running).toEqual(["a", "b"]);

    let closed = false;
    const closing = Promise.all([consumer.close(), consumer.close()]).then(() => {
      closed = true;
    });
    handler.end("a");
    await expect.poll(() => queues.depth(app)).toEqual({ waiting: 1, active: 1 });
    expect(closed).toBe(false);
    handler.end("b");
    await closing;
    expect(await queues.depth(app)).toEqual({ waiting: 1, active: 0 });
    expect(handler.begun).toEqual(["a", "b"]);
  });

  test("what one worker leaves behind at its close, another takes", async () => {
    const first = new GatedHandler();
    const consumer = consume(first.handle);
    await queues.offer(app, hints("a", "b"));
    await expect.poll(() => first.running).toEqual(["a"]);
    const { handled, handle } = recordingHandler();
    const closing = consumer.close();
    first.end("a");
    await closing;
    consume(handle);
    await expect.poll(() => handled).toEqual(["b"]);
  });

  test("a long refresh is not handed out twice: its lock is renewed", async () => {
    const handler = new GatedHandler();
    consume(handler.handle, { concurrency: 1, lockMs: 200 });
    consume(handler.handle, { concurrency: 1, lockMs: 200 });
    await queues.offer(app, hints("a"));
    await expect.poll(() => handler.running).toEqual(["a"]);
    const severalLocksLater = performance.now() + 1_000;
    await expect.poll(() => performance.now() > severalLocksLater, { timeout: 2_000 }).toBe(true);
    handler.end("a");
    await expect.poll(() => queues.depth(app)).toEqual({ waiting: 0, active: 0 });
    expect(handler.begun).toEqual(["a"]);
    expect(place.errors).toEqual([]);
  });

  test("the job of a worker that died is handed to another", async () => {
    await queues.offer(app, hints("a"));
    await takeJobAndDie();
    expect(await queues.depth(app)).toEqual({ waiting: 0, active: 1 });
    const { handled, handle } = recordingHandler();
    consume(handle, { concurrency: 1, lockMs: 300 });
    await expect.poll(() => handled, { timeout: 10_000 }).toEqual(["a"]);
    await expect.poll(() => queues.depth(app)).toEqual({ waiting: 0, active: 0 });
    expect(place.errors.map((error) => error.message)).toEqual([expect.stringContaining("lost its worker")]);
  });

  /** A bare worker of BullMQ takes the job and is never heard of again. */
  async function takeJobAndDie(): Promise<void> {
    const connection =
      kind === "redis"
        ? { url: place.redisUrl, maxRetriesPerRequest: null }
        : { connectionString: place.databaseUrl, schema: "evergrant_queue" };
    const factory = (kind === "redis" ? createRedisBackend : createPostgresBackend) as BackendFactory<
      IQueueBackend,
      object
    >;
    const options = { connection, prefix: `{${place.namespace}:${app}}`, lockDuration: 300 };
    const worker = new Worker<unknown, void, string, IQueueBackend, object, object>(app, null, options, factory);
    expect((await worker.getNextJob("token"))?.data).toEqual({ connectionId: "a" });
    await worker.close(true);
  }
});
