import { consumeRefreshes, type RefreshConsumer, RefreshQueues } from "@evergrant/queue";
import { PostgresQueueBackend, RedisQueueBackend } from "bullmq";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import {
  describeOnBothBackends,
  GatedHandler,
  openQueuePlace,
  type QueuePlace,
  recordingHandler,
} from "./backend-under-test.ts";

describeOnBothBackends("budgets, throttling and pauses", (kind) => {
  let place: QueuePlace;
  let queues: RefreshQueues;
  let app: string;
  let appCount = 0;
  const consumers: RefreshConsumer[] = [];

  beforeAll(async () => {
    place = await openQueuePlace(kind);
    queues = new RefreshQueues(place.open());
  });
  beforeEach(() => {
    appCount += 1;
    app = `app-${appCount}`;
  });
  afterEach(async () => {
    await Promise.all(consumers.splice(0).map((consumer) => consumer.close()));
    expect(place.errors).toEqual([]);
  });
  afterAll(async () => {
    await queues.close();
    await place.leave();
  });

  /** As another process would: with connections of its own. */
  function consume(handle: GatedHandler["handle"], concurrency = 5): void {
    const onError = (error: Error) => place.errors.push(error);
    const backend = place.open();
    consumers.push(consumeRefreshes({ backend, appId: app, concurrency, lockMs: 30_000, handle, onError }));
  }
  const hints = (...ids: string[]) => ids.map((connectionId) => ({ connectionId, priority: 100 }));
  const limitedForMs = async () => {
    const queue = place.open().openQueue({ name: app, prefix: `{${place.namespace}:${app}}` });
    return Math.max(0, await queue.getRateLimitTtl());
  };

  test("two workers together never exceed the budget of concurrent refreshes, and use all of it", async () => {
    const handler = new GatedHandler();
    await queues.setBudget(app, { maxConcurrent: 2 });
    await queues.offer(app, hints("a", "b", "c", "d", "e", "f"));
    consume(handler.handle);
    consume(handler.handle);
    for (let ended = 0; ended < 6; ended += 1) {
      await expect.poll(() => handler.running.length, { timeout: 5_000 }).toBe(Math.min(2, 6 - ended));
      handler.end(handler.running[0] as string);
    }
    expect(handler.runningMax).toBe(2);
    expect(handler.begun.sort()).toEqual(["a", "b", "c", "d", "e", "f"]);
  });

  test("a budget that is lifted or changed takes effect on running workers", async () => {
    const handler = new GatedHandler();
    await queues.setBudget(app, { maxConcurrent: 1 });
    await queues.offer(app, hints("a", "b", "c", "d"));
    consume(handler.handle, 2);
    consume(handler.handle, 2);
    await expect.poll(() => handler.running.length).toBe(1);
    await queues.setBudget(app, null);
    await expect.poll(() => handler.running.length, { timeout: 8_000 }).toBe(4);
    for (const id of handler.running) handler.end(id);
  });

  test("a worker that waits for its share of the budget asks at a calm pace", async () => {
    const handler = new GatedHandler();
    const fetches = vi.spyOn((kind === "redis" ? RedisQueueBackend : PostgresQueueBackend).prototype, "moveToActive");
    await queues.setBudget(app, { maxConcurrent: 1 });
    await queues.offer(app, hints("a", "b", "c"));
    consume(handler.handle);
    consume(handler.handle);
    await expect.poll(() => handler.running.length).toBe(1);
    fetches.mockClear();
    const aSecondLater = performance.now() + 1_000;
    await expect.poll(() => performance.now() > aSecondLater, { timeout: 3_000 }).toBe(true);
    expect(fetches.mock.calls.length).toBeLessThan(30);
    fetches.mockRestore();
    await queues.setBudget(app, null);
    await expect.poll(() => handler.running.length, { timeout: 8_000 }).toBe(3);
    for (const id of handler.running) handler.end(id);
  });

  test("no more refreshes begin in a second than the budget allows", async () => {
    const begunMs: number[] = [];
    const note = async () => {
      begunMs.push(performance.now());
      return { kind: "done" } as const;
    };
    await queues.setBudget(app, { maxPerSecond: 5 });
    await queues.offer(app, hints(...Array.from({ length: 12 }, (_, index) => `c${index}`)));
    consume(note);
    consume(note);
    await expect.poll(() => begunMs.length, { timeout: 15_000 }).toBe(12);
    // 5 in the first second, 5 in the second, the rest in the third: the last begins two windows after the first.
    expect((begunMs[11] as number) - (begunMs[0] as number)).toBeGreaterThan(1_900);
    expect((begunMs[4] as number) - (begunMs[0] as number)).toBeLessThan(900);
  });

  test("a budget has to be in whole numbers from 1", async () => {
    for (const limit of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(queues.setBudget(app, { maxConcurrent: limit })).rejects.toThrow("maxConcurrent");
      await expect(queues.setBudget(app, { maxPerSecond: limit })).rejects.toThrow("maxPerSecond");
    }
  });

  test("throttled stops the whole queue for as long as was asked; the job itself is done", async () => {
    const begunMs = new Map<string, number>();
    const handle: GatedHandler["handle"] = async (id) => {
      begunMs.set(id, performance.now());
      return id === "a" ? { kind: "throttled", retryAfterMs: 1_500 } : { kind: "done" };
    };
    await queues.offer(app, hints("a", "b", "c"));
    consume(handle, 1);
    await expect.poll(() => begunMs.size).toBe(1);
    consume(handle, 1);
    await expect.poll(() => begunMs.size, { timeout: 10_000 }).toBe(3);
    expect(
      Math.min(begunMs.get("b") as number, begunMs.get("c") as number) - (begunMs.get("a") as number),
    ).toBeGreaterThan(1_400);
    await expect.poll(() => queues.depth(app)).toEqual({ waiting: 0, active: 0 });
  });

  test.for([
    { of: "no budget", budget: null },
    { of: "a budget", budget: { maxPerSecond: 1_000 } },
  ])("throttled holds for 5 minutes at most, in a queue with $of", async ({ budget }) => {
    const handled: string[] = [];
    await queues.setBudget(app, budget);
    await queues.offer(app, hints("a", "b"));
    consume(async (id) => {
      handled.push(id);
      return { kind: "throttled", retryAfterMs: 3_600_000 };
    }, 1);
    await expect.poll(limitedForMs).toBeGreaterThan(290_000);
    expect(await limitedForMs()).toBeLessThanOrEqual(300_000);
    await expect.poll(() => queues.depth(app)).toEqual({ waiting: 1, active: 0 });
    expect(handled).toEqual(["a"]);
  });

  test("a shorter wait never shortens a longer one", async () => {
    const handler = new GatedHandler();
    await queues.offer(app, hints("a", "b"));
    consume(handler.handle, 2);
    await expect.poll(() => handler.running.length).toBe(2);
    handler.end("a", { kind: "throttled", retryAfterMs: 60_000 });
    await expect.poll(limitedForMs).toBeGreaterThan(50_000);
    handler.end("b", { kind: "throttled", retryAfterMs: 1 });
    await expect.poll(() => queues.depth(app)).toEqual({ waiting: 0, active: 0 });
    expect(await limitedForMs()).toBeGreaterThan(50_000);
  });

  test("a paused queue keeps its offers and hands none out until it is resumed", async () => {
    const { handled, handle } = recordingHandler();
    const other = `${app}-other`;
    await queues.pause(app);
    await queues.offer(app, hints("a"));
    consume(handle);
    consumers.push(
      consumeRefreshes({
        backend: place.open(),
        appId: other,
        concurrency: 1,
        lockMs: 30_000,
        handle,
        onError: () => {},
      }),
    );
    await queues.offer(other, hints("b"));
    await expect.poll(() => handled).toEqual(["b"]);
    expect([await queues.isPaused(app), await queues.isPaused(other)]).toEqual([true, false]);
    expect(await queues.depth(app)).toEqual({ waiting: 1, active: 0 });

    await queues.resume(app);
    await expect.poll(() => handled).toEqual(["b", "a"]);
    expect(await queues.isPaused(app)).toBe(false);
  });
});
