import fc from "fast-check";
import type { Violation } from "../checks/violation.ts";
import { DAY_MS, MINUTE_MS, STARTS_AT } from "../world/settings.ts";
import { type SimulateOptions, simulate } from "../world/simulate.ts";
import { type Fault, faultAt, minuteWithin } from "./fault.ts";
import type { Plan } from "./plan.ts";

/** What is found in this time is short enough. */
const LONGEST_SHRINK_MS = 300_000;

/**
 * Looks for the shortest plan that still violates something: fewer customers, days and faults, and those
 * earlier and shorter. The customer at whom it showed comes first, so that mostly one is enough.
 */
export async function shrinkPlan(plan: Plan, violation: Violation, options: SimulateOptions = {}): Promise<Plan> {
  const violates = async (other: Plan) => (await simulate(other, options)).violations.length > 0;
  const start = await leap(plan, violation, violates);
  const { days, customers } = start;
  const withSize = (count: number, length: number, faults: Plan["faults"]): Plan => ({
    ...start,
    days: length,
    customers: { ...customers, count },
    faults,
  });
  const holds = fc.asyncProperty(
    fc.integer({ min: 1, max: customers.count }),
    fc.integer({ min: 1, max: days }),
    fc.array(faultAt(minuteWithin(plan.days)), { maxLength: plan.faults.length }),
    async (fewer, length, faults) => !(await violates(withSize(fewer, length, faults))),
  );
  const whole: [number, number, Fault[]] = [customers.count, days, [...start.faults]];
  const { counterexample } = await fc.check(holds, {
    numRuns: 1,
    examples: [whole],
    interruptAfterTimeLimit: LONGEST_SHRINK_MS,
  });
  if (counterexample === null) return start;
  const [fewer, length, faults] = counterexample;
  return withSize(fewer, length, faults);
}

/** Great steps that are mostly possible, each taken if what is left still fails: a run of many customers is slow. */
async function leap(
  plan: Plan,
  { at, customerNo }: Violation,
  violates: (plan: Plan) => Promise<boolean>,
): Promise<Plan> {
  const days = Math.min(plan.days, Math.ceil((at - STARTS_AT) / DAY_MS));
  const lately = plan.faults.filter((fault) => {
    const from = STARTS_AT + fault.atMin * MINUTE_MS;
    const to = from + ("forMin" in fault ? fault.forMin : 0) * MINUTE_MS;
    return from <= at && to > at - DAY_MS;
  });
  const steps: ((from: Plan) => Plan)[] = [
    (from) => ({ ...from, days }),
    (from) => ({ ...from, customers: { ...from.customers, from: customerNo } }),
    (from) => ({ ...from, customers: { ...from.customers, count: 1 } }),
    (from) => ({ ...from, faults: lately }),
  ];
  let shortest = plan;
  for (const step of steps) {
    const next = step(shortest);
    if (await violates(next)) shortest = next;
  }
  return shortest;
}
