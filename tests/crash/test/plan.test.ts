import { describe, expect, test } from "vitest";
import { chooseNext, isInConflict, type Waiting } from "../src/campaign/conflicts.ts";
import { drawPlan, type Planned } from "../src/campaign/draw-plan.ts";
import { catalogue } from "../src/faults/catalogue.ts";
import type { FaultKind, Part } from "../src/faults/fault.ts";

const options = { seed: 7, kills: 1_000, backend: "redis" } as const;

/** Everything of a plan that can be compared: the first dice of each fault stand for all of them. */
function written(plan: readonly Planned[]): string[] {
  return plan.map(({ number, fault, lengthMs, random }) => `${number} ${fault.kind} ${lengthMs} ${random()}`);
}

describe("a plan", () => {
  test("is the same for the same seed, and another one for another", () => {
    const plan = written(drawPlan(catalogue, options));
    expect(written(drawPlan(catalogue, options))).toEqual(plan);
    expect(written(drawPlan(catalogue, { ...options, seed: 8 }))).not.toEqual(plan);
  });

  test.each(["redis", "postgres"] as const)(
    "with queues in %s has every kind that can be produced there, once at least",
    (backend) => {
      const kinds = catalogue.filter((fault) => (fault.backend ?? backend) === backend).map((fault) => fault.kind);
      const drawn = drawPlan(catalogue, { seed: 1, kills: 60, backend });
      expect(drawn).toHaveLength(60);
      expect(new Set(drawn.map(({ fault }) => fault.kind))).toEqual(new Set(kinds));
    },
  );

  test("consists mostly of workers killed at the five cut points", () => {
    const kills = drawPlan(catalogue, options).filter(({ fault }) => fault.kind.startsWith("worker killed: "));
    expect(new Set(kills.map(({ fault }) => fault.kind)).size).toBe(5);
    expect(kills.length).toBeGreaterThan(500);
  });

  test("has what takes a minute in earnest only where it is long, and then a few times", () => {
    const longest = (kills: number) =>
      drawPlan(catalogue, { ...options, kills }).filter(({ lengthMs }) => lengthMs >= 60_000);
    expect(longest(100)).toEqual([]);
    const long = longest(1_000).map(({ fault }) => fault.kind);
    expect(long).toContain("PostgreSQL away");
    expect(long).toContain("Redis away");
    expect(long.length).toBeLessThan(20);
  });
});

describe("faults that are under way at once", () => {
  const claims = (needs: readonly Part[], disturbs: readonly Part[] = []) => ({ needs, disturbs });
  const waiting = (fault: Pick<FaultKind, "needs" | "disturbs">, more: Partial<Waiting<never>> = {}) => ({
    fault,
    blockedSince: null,
    notBefore: 0,
    ...more,
  });

  test("do not disturb what another one needs or disturbs", () => {
    expect(isInConflict(claims(["postgres"]), claims(["postgres"]))).toBe(false);
    expect(isInConflict(claims(["postgres"]), claims([], ["postgres"]))).toBe(true);
    expect(isInConflict(claims([], ["redis"]), claims(["redis"]))).toBe(true);
    expect(isInConflict(claims([], ["redis"]), claims([], ["redis"]))).toBe(true);
    expect(isInConflict(claims([], ["redis"]), claims([], ["postgres"]))).toBe(false);
  });

  test("pass one that has to wait, until it has waited long enough", () => {
    const away = claims([], ["postgres"]);
    const list = [waiting(claims(["postgres"]), { blockedSince: 1_000 }), waiting(claims(["redis"]))];
    expect(chooseNext(list, [away], 2_000)).toBe(1);
    expect(chooseNext(list, [away], 20_000)).toBe(-1);
    expect(chooseNext(list, [], 20_000)).toBe(0);
  });

  test("are not tried again at once when their moment did not come", () => {
    expect(chooseNext([waiting(claims([]), { notBefore: 500 })], [], 400)).toBe(-1);
    expect(chooseNext([waiting(claims([]), { notBefore: 500 })], [], 500)).toBe(0);
  });
});
