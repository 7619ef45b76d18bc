import { expect, test } from "vitest";
import { batch, batchOfEach } from "../src/batch.ts";

test("what is asked for while a batch is under way goes into the next one", async () => {
  const batches: string[][] = [];
  const gates: (() => void)[] = [];
  const load = batch(async (items: readonly string[]) => {
    batches.push([...items]);
    await new Promise<void>((open) => gates.push(open));
    return items.map((item) => item.toUpperCase());
  }, 100);
  const first = load("a");
  await until(() => gates.length === 1);
  const rest = Promise.all([load("b"), load("c")]);
  gates[0]?.();
  expect(await first).toBe("A");
  await until(() => gates.length === 2);
  gates[1]?.();
  expect(await rest).toEqual(["B", "C"]);
  expect(batches).toEqual([["a"], ["b", "c"]]);
});

test("a batch that fails fails its own items, and the next one goes on", async () => {
  const load = batch(async (items: readonly string[]) => {
    if (items.includes("bad")) throw new Error("refused");
    return items;
  }, 1);
  await expect(load("bad")).rejects.toThrow("refused");
  expect(await load("good")).toBe("good");
});

test("an item that fails or waits alone leaves its neighbours their answers", async () => {
  let answer = (_: string) => {};
  const waits = new Promise<string>((resolve) => {
    answer = resolve;
  });
  const answerFor = async (item: string) => {
    if (item === "bad") throw new Error("refused");
    return item === "waits" ? waits : item;
  };
  const load = batchOfEach((items: readonly string[]) => ({ results: items.map(answerFor), done: waits }), 10);
  const waiting = load("waits");
  const results = await Promise.allSettled([load("a"), load("bad"), load("b")]);
  expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  answer("at last");
  expect(await waiting).toBe("at last");
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
