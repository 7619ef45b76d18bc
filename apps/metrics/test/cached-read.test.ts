import { expect, test } from "vitest";
import { cachedRead, type Reading } from "../src/cached-read.ts";

/** A read that the test answers by hand, on a clock that the test moves. */
function readByHand(waitMs = 60_000) {
  let now = 0;
  const pending: { resolve(value: number): void; reject(error: Error): void }[] = [];
  const changes: (string | null)[] = [];
  let reads = 0;
  const get = cachedRead<number>({
    read: () => {
      reads += 1;
      return new Promise((resolve, reject) => pending.push({ resolve, reject }));
    },
    waitMs,
    giveUpMs: 20_000,
    onChange: (error) => changes.push(error?.message ?? null),
    clock: () => now,
  });
  return {
    get,
    changes,
    reads: () => reads,
    pass: (ms: number) => {
      now += ms;
    },
    /** Asks, lets the read take `tookMs`, and answers it. */
    async answer(value: number | Error, tookMs = 0): Promise<Reading<number>> {
      const asked = get();
      now += tookMs;
      const read = pending.shift();
      if (value instanceof Error) read?.reject(value);
      else read?.resolve(value);
      return asked;
    },
  };
}

test("a hundred who ask at once cost one read", async () => {
  const hand = readByHand();
  const asked = Array.from({ length: 99 }, () => hand.get());
  expect(await hand.answer(7)).toEqual({ value: 7 });
  expect(new Set((await Promise.all(asked)).map((reading) => JSON.stringify(reading)))).toEqual(
    new Set(['{"value":7}']),
  );
  expect(hand.reads()).toBe(1);
});

test("an answer is kept for a second", async () => {
  const hand = readByHand();
  await hand.answer(1);
  hand.pass(999);
  expect(await hand.get()).toEqual({ value: 1 });
  hand.pass(1);
  expect(await hand.answer(2)).toEqual({ value: 2 });
  expect(hand.reads()).toBe(2);
});

test("answers that are slow to read are kept five times as long, half a minute at most", async () => {
  const hand = readByHand();
  await hand.answer(1, 800);
  hand.pass(1_000);
  await hand.answer(2, 900);
  hand.pass(3_999);
  expect(await hand.get()).toEqual({ value: 2 });
  hand.pass(1);
  await hand.answer(3, 15_000);
  hand.pass(4_500);
  await hand.answer(4, 15_000);
  hand.pass(29_999);
  expect(await hand.get()).toEqual({ value: 4 });
  hand.pass(1);
  expect(await hand.answer(5)).toEqual({ value: 5 });
});

test("one slow read among quick ones, such as the first, is kept no longer than they are", async () => {
  const hand = readByHand();
  await hand.answer(1, 5_000);
  hand.pass(1_000);
  expect(await hand.answer(2, 10)).toEqual({ value: 2 });
  hand.pass(1_000);
  await hand.answer(3, 5_000);
  hand.pass(1_000);
  expect(await hand.answer(4)).toEqual({ value: 4 });
});

test("a failed read is away, never the old answer, and is tried again after a second", async () => {
  const hand = readByHand();
  await hand.answer(1);
  hand.pass(1_000);
  expect(await hand.answer(new Error("gone"), 5_000)).toBe("away");
  hand.pass(999);
  expect(await hand.get()).toBe("away");
  hand.pass(1);
  expect(await hand.answer(2)).toEqual({ value: 2 });
});

test("a change is told once, however often it is met", async () => {
  const hand = readByHand();
  for (const value of [1, new Error("gone"), new Error("still gone"), 2, 3]) {
    await hand.answer(value);
    hand.pass(1_000);
  }
  expect(hand.changes).toEqual(["gone", null]);
});

test("a read that hangs is waited for no longer than agreed, and its late answer serves who asks later", async () => {
  const hand = readByHand(20);
  expect(await hand.get()).toBe("away");
  expect(hand.changes).toEqual(["no answer within 20 ms"]);
  hand.pass(500);
  expect(await hand.answer(1)).toEqual({ value: 1 });
  expect(hand.reads()).toBe(1);
  expect(hand.changes).toEqual(["no answer within 20 ms", null]);
});

test("a read that never ends is given up, and another begins", async () => {
  const hand = readByHand(20);
  expect(await hand.get()).toBe("away");
  hand.pass(19_999);
  expect(await hand.get()).toBe("away");
  expect(hand.reads()).toBe(1);
  hand.pass(1);
  expect(await hand.get()).toBe("away");
  expect(hand.reads()).toBe(2);
});
