import type { AppSchedule } from "@evergrant/store";

export interface Budget {
  readonly maxConcurrent?: number;
  readonly maxPerSecond?: number;
}

/**
 * Hands an app's politeness budget to its queue when it is first seen and whenever it has changed. A
 * queue that was emptied forgets its budget, so it is said again every minute.
 */
export function keepBudgets(
  setBudget: (appId: string, budget: Budget | null) => Promise<void>,
  onError: (appId: string, error: unknown) => void,
): (apps: readonly AppSchedule[]) => Promise<void> {
  const said = new Map<string, { readonly text: string; readonly at: number }>();
  return async (apps) => {
    for (const { appId, maxConcurrent, maxPerSecond, now } of apps) {
      const budget = {
        ...(maxConcurrent === null ? {} : { maxConcurrent }),
        ...(maxPerSecond === null ? {} : { maxPerSecond }),
      };
      const text = JSON.stringify(budget);
      const last = said.get(appId);
      if (last?.text === text && now - last.at < REPEAT_MS) continue;
      try {
        await setBudget(appId, text === "{}" ? null : budget);
        said.set(appId, { text, at: now });
      } catch (error) {
        // One app's queue in trouble keeps no other from being offered.
        onError(appId, error);
      }
    }
  };
}

const REPEAT_MS = 60_000;
