import { setTimeout as delay } from "node:timers/promises";
import type { Settlement, SettleResult } from "@evergrant/store";

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

export interface SettleParts {
  /** One transaction: all or nothing, safe to repeat. */
  readonly write: (settlements: readonly Settlement[]) => Promise<readonly SettleResult[]>;
  /** The rows themselves are refused, and will be the next time. */
  readonly isRefusal: (error: unknown) => boolean;
  /** The statement waited too long, as for a row that somebody holds. */
  readonly isTimeout: (error: unknown) => boolean;
  readonly onWaiting: (error: unknown, waiting: number) => void;
  /** Asked after a try that failed: whether the settlements are safe elsewhere and somebody else will write them. */
  readonly mayLetGo: () => Promise<boolean>;
}

/**
 * Writes settlements, and does not give up while anything but the rows themselves is in the way: an
 * unsettled token set may be the only copy. One that the database refuses, or whose row somebody holds,
 * never fails or holds up its neighbours; the journal of a refused one is left out then, since tokens
 * matter more than the story about them.
 *
 * @returns for each settlement its result, `escrowed` when it was let go, or the error for which it cannot
 *   be written at all
 */
export async function settleUntilWritten(
  settlements: readonly Settlement[],
  parts: SettleParts,
): Promise<readonly (SettleResult | "escrowed" | Error)[]> {
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(LONGEST_RETRY_MS, waitMs * 2)) {
    try {
      return await parts.write(settlements);
    } catch (error) {
      const isRefused = parts.isRefusal(error);
      if ((isRefused || parts.isTimeout(error)) && settlements.length > 1) return settleHalves(settlements, parts);
      if (isRefused) return settleWithoutJournal(settlements, parts, error);
      if (await parts.mayLetGo()) return settlements.map(() => "escrowed");
      parts.onWaiting(error, settlements.length);
      await delay(waitMs);
    }
  }
}

async function settleHalves(
  settlements: readonly Settlement[],
  parts: SettleParts,
): Promise<readonly (SettleResult | "escrowed" | Error)[]> {
  const middle = Math.ceil(settlements.length / 2);
  const halves = [settlements.slice(0, middle), settlements.slice(middle)];
  return (await Promise.all(halves.map((half) => settleUntilWritten(half, parts)))).flat();
}

async function settleWithoutJournal(
  settlements: readonly Settlement[],
  parts: SettleParts,
  refusal: unknown,
): Promise<readonly (SettleResult | "escrowed" | Error)[]> {
  const bare = settlements.map((item) => ({ ...item, decision: { ...item.decision, events: [] } }));
  if (settlements.some((item) => item.decision.events.length > 0)) return settleUntilWritten(bare, parts);
  return settlements.map(() => asError(refusal));
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error("The settlement could not be written.", { cause });
}
