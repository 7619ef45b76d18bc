import { startTick, type Tick } from "@evergrant/queue";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { describeOnBothBackends, openQueuePlace, type QueuePlace } from "./backend-under-test.ts";

const EVERY_MS = 250;

describeOnBothBackends("the tick", (kind) => {
  let place: QueuePlace;
  let tickedMs: number[];
  const ticks: Tick[] = [];

  beforeEach(async () => {
    place = await openQueuePlace(kind);
    tickedMs = [];
  });
  afterEach(async () => {
    await Promise.all(ticks.splice(0).map((tick) => tick.close()));
    await place.leave();
  });

  const note = async () => void tickedMs.push(performance.now());
  /** As another process would: with connections of its own. */
  function start(handle: () => Promise<void> = note, everyMs = EVERY_MS): Tick {
    const tick = startTick({ backend: place.open(), everyMs, handle, onError: (error) => place.errors.push(error) });
    ticks.push(tick);
    return tick;
  }
  const spanMs = () => (tickedMs.at(-1) as number) - (tickedMs[0] as number);

  test("comes at once, then again and again", async () => {
    const startedMs = performance.now();
    start(note, 1_500);
    await expect.poll(() => tickedMs.length, { timeout: 1_400 }).toBe(1);
    await expect.poll(() => tickedMs.length, { timeout: 5_000 }).toBe(2);
    expect(tickedMs.at(-1)).toBeGreaterThan(startedMs + 1_400);
    expect(place.errors).toEqual([]);
  });

  test("three processes get one tick per interval between them", async () => {
    start();
    start();
    start();
    await expect.poll(() => tickedMs.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(9);
    // One tick per process and interval would take a third of this.
    expect(spanMs()).toBeGreaterThan((tickedMs.length - 1) * EVERY_MS - EVERY_MS);
    expect(place.errors).toEqual([]);
  });

  test("ten processes that start at the same moment make one first tick", async () => {
    for (let process = 1; process <= 10; process += 1) start(note, 60_000);
    await expect.poll(() => tickedMs.length, { timeout: 5_000 }).toBeGreaterThanOrEqual(1);
    const longAfter = performance.now() + 1_500;
    await expect.poll(() => performance.now() > longAfter, { timeout: 5_000 }).toBe(true);
    expect(tickedMs).toHaveLength(1);
    expect(place.errors).toEqual([]);
  });

  test("goes on when the process that ticked closes", async () => {
    const first = start();
    await expect.poll(() => tickedMs.length).toBeGreaterThanOrEqual(1);
    start();
    await first.close();
    const soFar = tickedMs.length;
    await expect.poll(() => tickedMs.length, { timeout: 5_000 }).toBeGreaterThanOrEqual(soFar + 3);
  });

  test("goes on after one that threw, and tells of it", async () => {
    let count = 0;
    start(async () => {
      count += 1;
      if (count <= 2) throw new Error(`bug ${count}`);
    });
    await expect.poll(() => count, { timeout: 5_000 }).toBeGreaterThanOrEqual(4);
    expect(place.errors.map((error) => error.message)).toEqual(["bug 1", "bug 2"]);
  });

  test("intervals that pass during a long tick are skipped, not made up for", async () => {
    let endFirst: () => void = () => {};
    start(async () => {
      await note();
      if (tickedMs.length === 1)
        await new Promise<void>((resolve) => {
          endFirst = resolve;
        });
    });
    await expect.poll(() => tickedMs.length).toBe(1);
    const sixIntervalsLater = performance.now() + 6 * EVERY_MS;
    await expect.poll(() => performance.now() > sixIntervalsLater, { timeout: 5_000 }).toBe(true);
    endFirst();
    await expect.poll(() => tickedMs.length, { timeout: 5_000 }).toBeGreaterThanOrEqual(5);
    // The second follows at once; had six piled up, the fifth would too.
    const [, second, , , fifth] = tickedMs;
    expect((fifth as number) - (second as number)).toBeGreaterThan(1.5 * EVERY_MS);
  });

  test("close waits for the tick in hand and may be called twice", async () => {
    let end: () => void = () => {};
    const tick = start(async () => {
      await note();
      await new Promise<void>((resolve) => {
        end = resolve;
      });
    });
    await expect.poll(() => tickedMs.length).toBe(1);
    let closed = false;
    const closing = Promise.all([tick.close(), tick.close()]).then(() => {
      closed = true;
    });
    const twoIntervalsLater = performance.now() + 2 * EVERY_MS;
    await expect.poll(() => performance.now() > twoIntervalsLater, { timeout: 5_000 }).toBe(true);
    expect(closed).toBe(false);
    end();
    await closing;
    expect(tickedMs).toHaveLength(1);
  });

  test("a process that starts with another interval brings it in", async () => {
    const slow = start(note, 3_600_000);
    await expect.poll(() => tickedMs.length).toBe(1);
    await slow.close();
    start();
    await expect.poll(() => tickedMs.length, { timeout: 5_000 }).toBeGreaterThanOrEqual(4);
  });

  test("comes back by itself when its schedule was removed", async () => {
    start();
    await expect.poll(() => tickedMs.length).toBeGreaterThanOrEqual(1);
    const queue = place.open().openQueue({ name: "@tick", prefix: `{${place.namespace}:@tick}` });
    await expect.poll(() => queue.getJobScheduler("tick")).toBeDefined();
    expect(await queue.removeJobScheduler("tick")).toBe(true);
    const soFar = tickedMs.length;
    await expect.poll(() => tickedMs.length, { timeout: 5_000 }).toBeGreaterThanOrEqual(soFar + 3);
  });

  test("goes on when a clock that was an hour ahead is put right, or is gone", async () => {
    const rightNow = Date.now;
    const ahead = vi.spyOn(Date, "now").mockImplementation(() => rightNow() + 3_600_000);
    onTestFinished(() => ahead.mockRestore());
    start();
    const queue = place.open().openQueue({ name: "@tick", prefix: `{${place.namespace}:@tick}` });
    const nextAt = async () => (await queue.getJobScheduler("tick"))?.next ?? 0;
    await expect.poll(nextAt).toBeGreaterThan(rightNow() + 3_000_000);
    ahead.mockRestore();
    const soFar = tickedMs.length;
    await expect.poll(() => tickedMs.length, { timeout: 5_000 }).toBeGreaterThanOrEqual(soFar + 3);
  });
});
