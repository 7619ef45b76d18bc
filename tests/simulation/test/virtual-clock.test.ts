import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { VirtualClock } from "../src/clock/virtual-clock.ts";
import { VirtualProcess } from "../src/fleet/virtual-process.ts";

test("events happen in the order of their times, and a day passes in no time", async () => {
  const clock = new VirtualClock(0);
  const seen: number[] = [];
  for (const time of [5_000, 86_400_000, 1]) clock.at(time, () => seen.push(clock.now));
  await clock.runUntil(100_000_000);
  expect(seen).toEqual([1, 5_000, 86_400_000]);
  expect(clock.now).toBe(100_000_000);
});

test("time waits for work that awaits promises, and for what that leaves to the event loop", async () => {
  const clock = new VirtualClock(0);
  const process = new VirtualProcess("p", clock);
  const seen: [string, number][] = [];
  clock.spawn(async () => {
    for (let step = 0; step < 500; step++) await null;
    await nextTurn();
    seen.push(["worked", clock.now]);
    await process.sleep(10);
    seen.push(["slept", clock.now]);
  });
  clock.at(1, () => seen.push(["event", clock.now]));
  await clock.runUntil(100);
  expect(seen).toEqual([
    ["worked", 0],
    ["event", 1],
    ["slept", 10],
  ]);
});

test("a process that is killed does nothing more; one that is stopped goes on when it wakes", async () => {
  const clock = new VirtualClock(0);
  const [killed, stopped] = [new VirtualProcess("killed", clock), new VirtualProcess("stopped", clock)];
  const seen: [string, number][] = [];
  for (const process of [killed, stopped]) {
    clock.spawn(async () => {
      await process.sleep(10);
      seen.push([process.name, clock.now]);
    });
  }
  clock.at(5, () => {
    killed.die();
    stopped.stop(50);
  });
  await clock.runUntil(100);
  expect(seen).toEqual([["stopped", 50]]);
});

test("a failure in spawned work ends the run", async () => {
  const clock = new VirtualClock(0);
  clock.at(1, () => clock.spawn(async () => Promise.reject(new Error("broken"))));
  await expect(clock.runUntil(10)).rejects.toThrow("broken");
});
