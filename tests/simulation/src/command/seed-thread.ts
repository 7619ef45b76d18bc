import { parentPort } from "node:worker_threads";
import { type Plan, type PlanSize, planOf } from "../plan/plan.ts";
import { shrinkPlan } from "../plan/shrink-plan.ts";
import { type SimulationResult, simulate } from "../world/simulate.ts";
import { type Replay, replay } from "./replay.ts";

export interface SeedToRun extends PlanSize {
  readonly seed: number;
}

export type SeedMessage =
  | { readonly kind: "day"; readonly seed: number; readonly day: number }
  | { readonly kind: "shrinking"; readonly seed: number }
  | { readonly kind: "done"; readonly seed: number; readonly outcome: SeedOutcome };

export interface SeedOutcome {
  readonly seed: number;
  readonly plan: Plan;
  readonly result: SimulationResult;
  readonly seconds: number;
  /** The shortest plan that fails the same way, and its story; null when all held. */
  readonly shortest: Replay | null;
}

/** Runs the seeds that it is sent, one after the other. */
parentPort?.on("message", async ({ seed, ...size }: SeedToRun) => {
  const tell = (message: SeedMessage) => parentPort?.postMessage(message);
  const plan = planOf(seed, size);
  const startedAt = performance.now();
  const result = await simulate(plan, { onDay: (day) => tell({ kind: "day", seed, day }) });
  const seconds = (performance.now() - startedAt) / 1_000;
  const [violation] = result.violations;
  let shortest: Replay | null = null;
  if (violation !== undefined) {
    tell({ kind: "shrinking", seed });
    shortest = await replay(await shrinkPlan(plan, violation));
  }
  tell({ kind: "done", seed, outcome: { seed, plan, result, seconds, shortest } });
});
