import fc from "fast-check";
import { type Fault, faultWithin } from "./fault.ts";

/** All that a simulation depends on: the same plan always runs the same way. */
export interface Plan {
  /** Chooses the customers and every latency. */
  readonly seed: number;
  readonly days: number;
  /** The customers are numbered; these take part. */
  readonly customers: { readonly from: number; readonly count: number; readonly of: number };
  readonly faults: readonly Fault[];
}

export interface PlanSize {
  readonly days: number;
  readonly connections: number;
}

const FEWEST_FAULTS = 20;
const MOST_FAULTS = 80;

/** The plan of a seed. */
export function planOf(seed: number, { days, connections }: PlanSize): Plan {
  const length = { minLength: FEWEST_FAULTS, maxLength: MOST_FAULTS, size: "max" } as const;
  // Without bias: else every other plan would have all of its faults in the first minutes.
  const [faults = []] = fc.sample(fc.noBias(fc.array(faultWithin(days), length)), { seed, numRuns: 1 });
  return { seed, days, customers: { from: 0, count: connections, of: connections }, faults };
}
