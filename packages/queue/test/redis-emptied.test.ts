import { setTimeout as pause } from "node:timers/promises";
import { consumeRefreshes, RefreshQueues, startTick } from "@evergrant/queue";
import { type RedisServer, startRedisServer } from "@evergrant/testkit";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { GatedHandler, placeAt, type QueuePlace, recordingHandler } from "./backend-under-test.ts";

describe.skipIf(inject("redisUrl") === null)("Redis emptied or silent", () => {
  let server: RedisServer;
  let place: QueuePlace;
  let queues: RefreshQueues;
  const closers: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    server = await startRedisServer();
    place = placeAt({ redisUrl: server.url, databaseUrl: "" });
    queues = new RefreshQueues(place.open());
  });
  afterEach(async () => {
    server.thaw();
    try {
      // Bounded: after a failed test a refresh may still be in hand, and the server must not outlive the run.
      const closing = Promise.all(closers.splice(0).map((close) => close()));
      await Promise.race([closing, pause(20_000, undefined, { ref: false })]);
      await queues.close();
      await place.leave();
    } finally {
      await server.stop();
    }
  });

  const onError = (error: Error) => place.errors.push(error);
  function consume(handle: GatedHandler["handle"]): void {
    const options = { backend: place.open(), appId: "app", concurrency: 2, lockMs: 1_000, onError };
    closers.push(consumeRefreshes({ ...options, handle }).close);
  }
  const offer = (...ids: string[]) =>
    queues.offer(
      "app",
      ids.map((connectionId) => ({ connectionId, priority: 100 })),
    );
  async function flushAll(): Promise<void> {
    const client = new Redis(server.url);
    await client.flushall();
    client.disconnect();
  }

  test("FLUSHALL costs the waiting hints and nothing else: what is offered again is refreshed", async () => {
    await queues.pause("app");
    await offer("a", "b");
    const { handled, handle } = recordingHandler();
    consume(handle);
    await flushAll();
    expect(await queues.depth("app")).toEqual({ waiting: 0, active: 0 });
    await offer("b", "a");
    await expect.poll(() => handled, { timeout: 5_000 }).toEqual(["b", "a"]);
  });

  test("FLUSHALL while a refresh runs leaves its connection free to be offered", async () => {
    const handler = new GatedHandler();
    consume(handler.handle);
    await offer("a");
    await expect.poll(() => handler.running).toEqual(["a"]);
    await flushAll();
    handler.end("a");
    await expect.poll(() => place.errors.length, { timeout: 5_000 }).toBeGreaterThan(0);
    await offer("a", "b");
    await expect.poll(() => handler.running, { timeout: 5_000 }).toEqual(["a", "b"]);
    for (const id of handler.running) handler.end(id);
    await expect.poll(() => queues.depth("app")).toEqual({ waiting: 0, active: 0 });
  });

  test("after FLUSHALL the ticks come back by themselves, still one per interval", async () => {
    const tickedMs: number[] = [];
    for (let process = 1; process <= 2; process += 1) {
      const handle = async () => void tickedMs.push(performance.now());
      closers.push(startTick({ backend: place.open(), everyMs: 250, handle, onError }).close);
    }
    await expect.poll(() => tickedMs.length).toBeGreaterThanOrEqual(2);
    await flushAll();
    tickedMs.length = 0;
    await expect.poll(() => tickedMs.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(8);
    expect((tickedMs[7] as number) - (tickedMs[0] as number)).toBeGreaterThan(5 * 250);
  });

  test("restarted empty, everything works again: scripts, budgets, hints", async () => {
    const { handled, handle } = recordingHandler();
    consume(handle);
    await queues.setBudget("app", { maxConcurrent: 1, maxPerSecond: 100 });
    await offer("a");
    await expect.poll(() => handled).toEqual(["a"]);
    await server.kill();
    await server.restart();
    await expect
      .poll(
        () =>
          offer("a", "b").then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true);
    await expect.poll(() => handled, { timeout: 5_000 }).toEqual(["a", "a", "b"]);
    expect(await queues.urge("app", "c")).toBe("added");
    await queues.setBudget("app", { maxConcurrent: 1 });
  });

  test("a Redis that accepts and never answers makes calls fail within seconds, and is used again when it does", async () => {
    const { handled, handle } = recordingHandler();
    consume(handle);
    await offer("a");
    await expect.poll(() => handled).toEqual(["a"]);
    server.freeze();
    const beganMs = performance.now();
    await Promise.all([
      expect(offer("b")).rejects.toThrow(),
      expect(queues.urge("app", "c")).rejects.toThrow(),
      expect(queues.depth("app")).rejects.toThrow(),
      expect(place.open().ping()).rejects.toThrow("2000 ms"),
    ]);
    expect(performance.now() - beganMs).toBeLessThan(6_000);
    server.thaw();
    await expect
      .poll(
        () =>
          offer("d").then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true);
    await expect.poll(() => handled, { timeout: 10_000 }).toContain("d");
  });
});
