import fc from "fast-check";
import type { Violation } from "../checks/violation.ts";
import { DAY_MS, STARTS_AT } from "../world/settings.ts";
import { simulate } from "../world/simulate.ts";
import { type Fault, faultWithin } from "./fault.ts";
import type { Plan } from "./plan.ts";

/** What is found in this time is short enough. */
const LONGEST_SHRINK_MS = 300_000;

/**
 * Looks for the shortest plan that still violates something: fewer customers, days and faults, and those
 * earlier and shorter. The customer at whom it showed comes first, so that mostly one is enough.
 */
export async function shrinkPlan(plan: Plan, violation: Violation): Promise<Plan> {
  const days = Math.min(plan.days, Math.ceil((violation.at - STARTS_AT) / DAY_MS));
  const first = { ...plan, days, customers: { ...plan.customers, from: violation.customerNo } };
  const start = (await violates(first)) ? first : { ...plan, days };
  const withSize = (count: number, length: number, faults: Plan["faults"]): Plan => ({
    ...start,
    days: length,
    customers: { ...start.customers, count },
    faults,
  });
  const { count } = start.customers;
  const holds = fc.asyncProperty(
    fc.integer({ min: 1, max: count }),
    fc.integer({ min: 1, max: days }),
    fc.array(faultWithin(plan.days), { maxLength: plan.faults.length }),
    async (fewer, length, faults) => !(await violates(withSize(fewer, length, faults))),
  );
  const whole: [number, number, Fault[]] = [count, days, [...start.faults]];
  const { counterexample } = await fc.check(holds, {
    numRuns: 1,
    examples: [whole],
    interruptAfterTimeLimit: LONGEST_SHRINK_MS,
  });
  if (counterexample === null) return start;
  const [fewer, length, faults] = counterexample;
  return withSize(fewer, length, faults);
}

async function violates(plan: Plan): Promise<boolean> {
  return (await simulate(plan)).violations.length > 0;
}
