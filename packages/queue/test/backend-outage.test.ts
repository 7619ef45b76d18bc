import { setTimeout as pause } from "node:timers/promises";
import { consumeRefreshes, QueueBackendError, RefreshQueues, startTick } from "@evergrant/queue";
import { PostgresQueueBackend, RedisQueueBackend } from "bullmq";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  describeOnBothBackends,
  GatedHandler,
  placeAt,
  type QueuePlace,
  recordingHandler,
} from "./backend-under-test.ts";
import { type OwnServer, ownServer } from "./own-server.ts";

describeOnBothBackends("a backend that goes and comes", (kind) => {
  let server: OwnServer;
  let place: QueuePlace;
  let queues: RefreshQueues;
  const closers: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    server = await ownServer(kind);
    place = placeAt(server.where);
    queues = new RefreshQueues(place.open());
  });
  afterEach(async () => {
    try {
      // Bounded: after a failed test a refresh may still be in hand, and the server must not outlive the run.
      const closing = Promise.all(closers.splice(0).map((close) => close()));
      await Promise.race([closing, pause(20_000, undefined, { ref: false })]);
      await queues.close();
      await place.leave();
    } finally {
      await server.remove();
    }
  });

  const onError = (error: Error) => place.errors.push(error);
  function consume(handle: GatedHandler["handle"], lockMs = 30_000): () => Promise<void> {
    const { close } = consumeRefreshes({
      backend: place.open(),
      appId: "app",
      concurrency: 2,
      lockMs,
      handle,
      onError,
    });
    closers.push(close);
    return close;
  }
  const offer = (...ids: string[]) =>
    queues.offer(
      "app",
      ids.map((connectionId) => ({ connectionId, priority: 100 })),
    );
  const offered = (...ids: string[]) =>
    offer(...ids).then(
      () => true,
      () => false,
    );

  test("not there at the start: calls fail within seconds, workers and ticks begin once it is there", async () => {
    const beganMs = performance.now();
    await expect(place.open().ping()).rejects.toThrow();
    expect(performance.now() - beganMs).toBeLessThan(2_500);
    await expect(offer("a")).rejects.toThrow(/^The queue in (Redis|Postgres) cannot be used: /);
    expect(performance.now() - beganMs).toBeLessThan(8_000);

    const { handled, handle } = recordingHandler();
    let tickCount = 0;
    consume(handle);
    const tick = startTick({ backend: place.open(), everyMs: 200, handle: async () => void tickCount++, onError });
    closers.push(tick.close);
    await expect.poll(() => place.errors.length, { timeout: 5_000 }).toBeGreaterThan(0);

    await server.start();
    await place.open().prepare();
    await place.open().ping();
    await expect.poll(() => offered("a"), { timeout: 10_000 }).toBe(true);
    await expect.poll(() => handled, { timeout: 10_000 }).toContain("a");
    await expect.poll(() => tickCount, { timeout: 10_000 }).toBeGreaterThanOrEqual(3);
  });

  test("gone and back: refreshes and ticks go on by themselves, without a storm of errors", async () => {
    await server.start();
    await place.open().prepare();
    const { handled, handle } = recordingHandler();
    let tickCount = 0;
    consume(handle, 1_000);
    closers.push(
      startTick({ backend: place.open(), everyMs: 200, handle: async () => void tickCount++, onError }).close,
    );
    await offer("before");
    await expect.poll(() => handled).toEqual(["before"]);
    await expect.poll(() => tickCount).toBeGreaterThanOrEqual(2);

    await server.stop();
    const beganMs = performance.now();
    await expect(offer("a")).rejects.toThrow(QueueBackendError);
    await expect(queues.depth("app")).rejects.toThrow(QueueBackendError);
    expect(performance.now() - beganMs).toBeLessThan(9_000);
    const tooLate = performance.now() + 2_000;
    await expect.poll(() => performance.now() > tooLate, { timeout: 3_000 }).toBe(true);
    expect(place.errors.length).toBeLessThan(40);

    await server.start();
    await expect.poll(() => offered("a", "before"), { timeout: 10_000 }).toBe(true);
    await expect.poll(() => handled.toSorted(), { timeout: 10_000 }).toEqual(["a", "before", "before"]);
    const soFar = tickCount;
    await expect.poll(() => tickCount, { timeout: 10_000 }).toBeGreaterThanOrEqual(soFar + 3);
  });

  test("gone while a refresh runs: the refresh ends undisturbed, and its connection can be offered again", async () => {
    await server.start();
    await place.open().prepare();
    const handler = new GatedHandler();
    consume(handler.handle, 1_000);
    await offer("a");
    await expect.poll(() => handler.running).toEqual(["a"]);
    await server.stop();
    handler.end("a");
    await server.start();

    // The job may be handed out once more (it could not be marked as done) before the new offer counts.
    await expect
      .poll(
        async () => {
          await offered("a");
          return handler.running;
        },
        { timeout: 20_000 },
      )
      .toEqual(["a"]);
    handler.end("a");
    await expect
      .poll(
        async () => {
          for (const id of handler.running) handler.end(id);
          return queues.depth("app");
        },
        { timeout: 20_000 },
      )
      .toEqual({ waiting: 0, active: 0 });
  });

  test("gone at the end: close waits for the refreshes in hand, then for nobody", async () => {
    await server.start();
    await place.open().prepare();
    const handler = new GatedHandler();
    const close = consume(handler.handle);
    await offer("a");
    await expect.poll(() => handler.running).toEqual(["a"]);
    await server.stop();
    let closed = false;
    const closing = close().then(() => {
      closed = true;
    });
    const later = performance.now() + 1_000;
    await expect.poll(() => performance.now() > later, { timeout: 2_000 }).toBe(true);
    expect(closed).toBe(false);
    handler.end("a");
    const endedMs = performance.now();
    await closing;
    expect(performance.now() - endedMs).toBeLessThan(5_000);
  });

  test("never there: close does not wait for it", async () => {
    const { handle } = recordingHandler();
    const close = consume(handle);
    const tick = startTick({ backend: place.open(), everyMs: 200, handle: async () => {}, onError });
    await expect.poll(() => place.errors.length, { timeout: 5_000 }).toBeGreaterThan(0);
    const beganMs = performance.now();
    await Promise.all([close(), tick.close()]);
    expect(performance.now() - beganMs).toBeLessThan(5_000);
  });

  test("refusing writes: it is asked at a calm pace, and used again as soon as it accepts them", async () => {
    await server.start();
    await place.open().prepare();
    const handler = new GatedHandler();
    const fetches = vi.spyOn((kind === "redis" ? RedisQueueBackend : PostgresQueueBackend).prototype, "moveToActive");
    consume(handler.handle, 1_000);
    await offer("a", "b", "c", "d");
    await expect.poll(() => handler.running).toEqual(["a", "b"]);
    await server.refuseWrites();
    for (const id of ["a", "b"]) handler.end(id);
    await expect.poll(() => place.errors.map(String).join()).toMatch(/read.?only/i);
    fetches.mockClear();
    const aSecondLater = performance.now() + 1_000;
    await expect.poll(() => performance.now() > aSecondLater, { timeout: 3_000 }).toBe(true);
    expect(fetches.mock.calls.length).toBeLessThan(8);
    fetches.mockRestore();
    expect(handler.running).toEqual([]);

    await server.acceptWrites();
    await expect
      .poll(
        async () => {
          for (const id of handler.running) handler.end(id);
          return [handler.begun.includes("c") && handler.begun.includes("d"), await queues.depth("app")];
        },
        { timeout: 15_000 },
      )
      .toEqual([true, { waiting: 0, active: 0 }]);
  });
});
