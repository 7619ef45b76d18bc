import fc from "fast-check";
import { type Fault, faultAt, MINUTES_A_DAY, minuteWithin } from "./fault.ts";

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
  const minute = fc.oneof({ weight: 3, arbitrary: minuteWithin(days) }, { weight: 1, arbitrary: minuteOfHerd(days) });
  // Without bias: else every other plan would have all of its faults in the first minutes.
  const [faults = []] = fc.sample(fc.noBias(fc.array(faultAt(minute), length)), { seed, numRuns: 1 });
  return { seed, days, customers: { from: 0, count: connections, of: connections }, faults };
}

/**
 * What was imported at once comes back at once: the Xero connections in mode `keepalive` within an hour of
 * each seventh day, less up to five minutes each time. A mistake of ours meets hundreds a minute then.
 */
function minuteOfHerd(days: number): fc.Arbitrary<number> {
  const weeks = Math.floor((days - 1) / 7);
  return fc
    .tuple(fc.integer({ min: 0, max: weeks }), fc.integer({ min: 0, max: 60 }))
    .map(([week, offset]) => Math.min(week * (7 * MINUTES_A_DAY - 3) + offset, days * MINUTES_A_DAY - 1));
}
