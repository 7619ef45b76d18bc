import { expect, test } from "vitest";
import { type Budget, keepBudgets } from "../src/budgets.ts";

const anApp = (appId: string, now: number, maxPerSecond: number | null = 10) => ({
  appId,
  breakerClosed: true,
  maxConcurrent: null,
  maxPerSecond,
  cursor: null,
  sweptAt: null,
  now,
});

function budgets(refuse: (appId: string) => boolean = () => false) {
  const said: [string, Budget | null][] = [];
  const errors: string[] = [];
  const keep = keepBudgets(
    async (appId, budget) => {
      if (refuse(appId)) throw new Error("the queue is away");
      said.push([appId, budget]);
    },
    (appId) => errors.push(appId),
  );
  return { keep, said, errors };
}

test("a budget is said when it is first seen, when it changes, and every minute: an emptied queue has forgotten it", async () => {
  const { keep, said } = budgets();
  for (const now of [0, 1_000, 59_999]) await keep([anApp("a", now)]);
  expect(said).toEqual([["a", { maxPerSecond: 10 }]]);
  await keep([anApp("a", 60_000)]);
  expect(said).toHaveLength(2);
  await keep([anApp("a", 61_000, null)]);
  expect(said.at(-1)).toEqual(["a", null]);
});

test("one that could not be said is said again at once, and keeps no other app waiting", async () => {
  let isAway = true;
  const { keep, said, errors } = budgets((appId) => isAway && appId === "a");
  await keep([anApp("a", 0), anApp("b", 0)]);
  expect([said.map(([appId]) => appId), errors]).toEqual([["b"], ["a"]]);
  isAway = false;
  await keep([anApp("a", 1), anApp("b", 1)]);
  expect(said.map(([appId]) => appId)).toEqual(["b", "a"]);
});
