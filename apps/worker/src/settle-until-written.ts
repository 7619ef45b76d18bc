import { setTimeout as delay } from "node:timers/promises";
import type { Settlement, SettleResult } from "@evergrant/store";

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/** `escrowed`: let go, since somebody else will write it. An error: it cannot be written at all. */
export type WrittenResult = SettleResult | "escrowed" | Error;

export interface SettleParts {
  /** One transaction: all or nothing, safe to repeat. */
  readonly write: (settlements: readonly Settlement[]) => Promise<readonly SettleResult[]>;
  /** The rows themselves are refused, and will be the next time. */
  readonly isRefusal: (error: unknown) => boolean;
  /** The statement waited too long, as for a row that somebody holds. */
  readonly isTimeout: (error: unknown) => boolean;
  readonly onWaiting: (error: unknown, waiting: number) => void;
  /** Gets the results of some settlements as soon as they are known, in the same order; waited for. */
  readonly onResults: (settlements: readonly Settlement[], results: readonly WrittenResult[]) => Promise<void>;
  /**
   * Asked where the rows themselves are refused: whether they are safe elsewhere, where somebody will look, or are no
   * loss. Until then they are tried again: somebody may mend what refuses them.
   */
  readonly mayGiveUp: (settlements: readonly Settlement[]) => Promise<boolean>;
  /** Asked after a try that failed: whether the settlements are safe elsewhere and somebody else will write them. */
  readonly mayLetGo: () => Promise<boolean>;
}

/**
 * Writes settlements, and does not give up while anything but the rows themselves is in the way: an
 * unsettled token set may be the only copy. One that the database refuses, or whose row somebody holds,
 * never fails or holds up its neighbours; the journal of a refused one is left out then, since tokens
 * matter more than the story about them.
 *
 * Ends when each settlement has its result, which `onResults` was told.
 */
export async function settleUntilWritten(settlements: readonly Settlement[], parts: SettleParts): Promise<void> {
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(LONGEST_RETRY_MS, waitMs * 2)) {
    const tried = await tryOnce(settlements, parts);
    if ("results" in tried) return parts.onResults(settlements, tried.results);
    const { error } = tried;
    const isRefused = parts.isRefusal(error);
    if ((isRefused || parts.isTimeout(error)) && settlements.length > 1) return settleHalves(settlements, parts);
    if (isRefused && hasJournal(settlements)) return settleWithoutJournal(settlements, parts);
    if (isRefused && (await parts.mayGiveUp(settlements))) {
      return parts.onResults(settlements, allOf(settlements, asError(error)));
    }
    if (!isRefused && (await parts.mayLetGo())) return parts.onResults(settlements, allOf(settlements, "escrowed"));
    parts.onWaiting(error, settlements.length);
    await delay(waitMs);
  }
}

async function tryOnce(
  settlements: readonly Settlement[],
  { write }: SettleParts,
): Promise<{ readonly results: readonly SettleResult[] } | { readonly error: unknown }> {
  try {
    return { results: await write(settlements) };
  } catch (error) {
    return { error };
  }
}

async function settleHalves(settlements: readonly Settlement[], parts: SettleParts): Promise<void> {
  const middle = Math.ceil(settlements.length / 2);
  const halves = [settlements.slice(0, middle), settlements.slice(middle)];
  await Promise.all(halves.map((half) => settleUntilWritten(half, parts)));
}

function hasJournal(settlements: readonly Settlement[]): boolean {
  return settlements.some((item) => item.decision.events.length > 0);
}

async function settleWithoutJournal(settlements: readonly Settlement[], parts: SettleParts): Promise<void> {
  return settleUntilWritten(settlements.map(withoutJournal), {
    ...parts,
    onResults: (_, results) => parts.onResults(settlements, results),
  });
}

/** Where its journal may be what is refused: the token matters more than the story about it. */
export function withoutJournal(settlement: Settlement): Settlement {
  return { ...settlement, decision: { ...settlement.decision, events: [] } };
}

function allOf(settlements: readonly Settlement[], result: WrittenResult): WrittenResult[] {
  return settlements.map(() => result);
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error("The settlement could not be written.", { cause });
}
