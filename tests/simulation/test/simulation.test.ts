import { describe, expect, test } from "vitest";
import type { Fault } from "../src/plan/fault.ts";
import { type Plan, planOf } from "../src/plan/plan.ts";
import { shrinkPlan } from "../src/plan/shrink-plan.ts";
import { settle } from "../src/store/settle.ts";
import type { Tables } from "../src/store/tables.ts";
import { simulate } from "../src/world/simulate.ts";

const SIZE = { days: 40, connections: 300 };

function planWith(faults: readonly Fault[], count = 40, days = 3): Plan {
  return { seed: 1, days, customers: { from: 0, count, of: count }, faults };
}

describe("a simulation", () => {
  test.each([1, 2, 3, 4])("of seed %i goes through its faults without a violation", async (seed) => {
    const { violations, refreshes } = await simulate(planOf(seed, SIZE));
    expect(violations).toEqual([]);
    expect(refreshes.rotated).toBeGreaterThan(1_000);
  });

  test("of the same plan runs the same way", async () => {
    const plan = planOf(5, { days: 20, connections: 150 });
    expect(await simulate(plan)).toEqual(await simulate(plan));
  });

  test("without faults refreshes everything on time and ends only what has ended", async () => {
    const { violations, endings, counts } = await simulate(planWith([], 300, 30));
    expect(violations).toEqual([]);
    expect(
      Object.keys(endings).filter((kind) => !["customer left", "hard cap", "lapsed while off"].includes(kind)),
    ).toEqual([]);
    expect(counts).toMatchObject({ spentInGrace: 0, spentOutside: 0, overlapsBehindLost: 0 });
  });

  test("makes good what a Xero customer's lost answer cost, inside the grace window", async () => {
    const lost: Fault = { kind: "losesAnswers", app: "xero", atMin: 600, forMin: 10, share: 100 };
    const { violations, endings, counts } = await simulate(planWith([lost], 400, 2));
    expect(violations).toEqual([]);
    expect(counts.spentInGrace).toBeGreaterThan(0);
    expect(endings).not.toHaveProperty("answer lost");
  });

  test("counts what nobody can prevent: an answer lost for longer than the window, or without any", async () => {
    const lost: Fault = { kind: "losesAnswers", app: "strict", atMin: 0, forMin: 60, share: 100 };
    const { violations, endings } = await simulate(planWith([lost], 400, 4));
    expect(violations).toEqual([]);
    expect(endings["answer lost"]).toBeGreaterThan(0);
  });
});

describe("a store that forgets to compare before it sets", () => {
  /** As if every settle were of the generation and the claim that are stored. */
  const withoutFence = (tables: Tables, settlements: Parameters<typeof settle>[1]) =>
    settlements.flatMap((settlement) => {
      const row = tables.connections.get(settlement.connectionId);
      const intentId = row?.intent?.intentId ?? settlement.intentId;
      return settle(tables, [{ ...settlement, generation: row?.generation ?? settlement.generation, intentId }]);
    });

  test("is found out, and shrunk to one customer and one or two faults that can be replayed", async () => {
    const options = { settle: withoutFence };
    let plan = planOf(1, SIZE);
    let found = await simulate(plan, options);
    for (let seed = 2; found.violations.length === 0 && seed < 10; seed++) {
      plan = planOf(seed, SIZE);
      found = await simulate(plan, options);
    }
    const [violation] = found.violations;
    if (violation === undefined) throw new Error("Nothing was found.");
    const shortest = await shrinkPlan(plan, violation, options);
    expect(shortest.customers.count).toBe(1);
    expect(shortest.faults.length).toBeLessThanOrEqual(2);
    const replayed = await simulate(JSON.parse(JSON.stringify(shortest)), options);
    expect(replayed.violations.length).toBeGreaterThan(0);
    expect((await simulate(shortest)).violations).toEqual([]);
  });
});
