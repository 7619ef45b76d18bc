import type { Violation } from "../checks/violation.ts";
import type { Plan } from "../plan/plan.ts";
import { simulate } from "../world/simulate.ts";

/** One plan run again, and what happened to the customer at whom it failed. */
export interface Replay {
  readonly ok: boolean;
  readonly plan: Plan;
  readonly violations: readonly Violation[];
  readonly story: readonly string[];
}

export async function replay(plan: Plan): Promise<Replay> {
  const { violations } = await simulate(plan);
  const told = violations[0]?.customerNo ?? plan.customers.from;
  const { story } = await simulate(plan, { told });
  return { ok: violations.length === 0, plan, violations, story };
}

/** For people: the story's end, what it violates, and how to run it again. */
export function describeReplay({ plan, violations, story }: Replay): string {
  const { count } = plan.customers;
  const [first] = violations;
  return [
    `${count} ${count === 1 ? "customer" : "customers"}, ${plan.days} days, ${plan.faults.length} faults`,
    ...plan.faults.map((fault) => `  ${JSON.stringify(fault)}`),
    "what happened, the last lines:",
    ...story.slice(-STORY_LINES).map((line) => `  ${line}`),
    first === undefined
      ? "nothing was violated"
      : `violated: ${first.rule}, customer ${first.customerNo}: ${first.text}`,
    `npm run simulate -- --replay '${JSON.stringify(plan)}'`,
  ].join("\n");
}

const STORY_LINES = 30;
