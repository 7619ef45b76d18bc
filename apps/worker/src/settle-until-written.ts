import { setTimeout as delay } from "node:timers/promises";
import type { Settlement, SettleResult } from "@evergrant/store";

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/**
 * Writes settlements, and does not give up while the database is away: an unsettled token set may be
 * the only copy. One that the database refuses never fails its neighbours; its journal is left out
 * then, since tokens matter more than the story about them.
 *
 * @param write one transaction: all or nothing, safe to repeat
 * @returns for each settlement its result, or the error for which it cannot be written at all
 */
export async function settleUntilWritten(
  settlements: readonly Settlement[],
  parts: {
    readonly write: (settlements: readonly Settlement[]) => Promise<readonly SettleResult[]>;
    readonly isTransient: (error: unknown) => boolean;
    readonly onWaiting: (error: unknown, waiting: number) => void;
  },
): Promise<readonly (SettleResult | Error)[]> {
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(LONGEST_RETRY_MS, waitMs * 2)) {
    try {
      return await parts.write(settlements);
    } catch (error) {
      if (!parts.isTransient(error)) return settleEach(settlements, parts, error);
      parts.onWaiting(error, settlements.length);
      await delay(waitMs);
    }
  }
}

async function settleEach(
  settlements: readonly Settlement[],
  parts: Parameters<typeof settleUntilWritten>[1],
  cause: unknown,
): Promise<readonly (SettleResult | Error)[]> {
  const [only] = settlements;
  if (only === undefined) return [];
  if (settlements.length === 1) {
    if (only.decision.events.length === 0) return [asError(cause)];
    return settleUntilWritten([{ ...only, decision: { ...only.decision, events: [] } }], parts);
  }
  const results: (SettleResult | Error)[] = [];
  for (const settlement of settlements) results.push(...(await settleUntilWritten([settlement], parts)));
  return results;
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error("The settlement could not be written.", { cause });
}
