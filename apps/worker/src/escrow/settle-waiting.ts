import type { Settlement, SettleResult } from "@evergrant/store";
import { withoutJournal } from "../settle-until-written.ts";
import type { EscrowKeeper } from "./escrow-keeper.ts";
import type { WaitingSettlement } from "./settlement-text.ts";

export interface WaitingParts {
  readonly escrow: Pick<EscrowKeeper, "remove">;
  /** One transaction: all or nothing. */
  readonly write: (settlements: readonly Settlement[]) => Promise<readonly SettleResult[]>;
  /** The rows themselves are refused. */
  readonly isRefusal: (error: unknown) => boolean;
  readonly onSettled: (waiting: WaitingSettlement, result: SettleResult, waitedMs: number) => void;
  /** Told of a token set whose connection is not there: it stays in the escrow. */
  readonly onHomeless: (settlement: Settlement) => void;
  /** Epoch ms. */
  readonly now: () => number;
}

/**
 * Writes what waited in the escrow and removes it from there. Compare-and-set decides as for any settle, so
 * whoever else writes the same at the same time does no harm; a crash in between leaves an entry whose
 * next settle is `repeated`. A token set whose connection is missing (a backup from before its import was
 * restored, say) waits for it: it may be the only copy.
 *
 * @throws the driver's error; then all of it still waits
 */
export async function settleWaiting(waiting: readonly WaitingSettlement[], parts: WaitingParts): Promise<void> {
  const now = parts.now();
  const results = await writeOrBare(
    waiting.map((item) => withNote(item, now)),
    parts,
  );
  const ended: string[] = [];
  for (const [index, item] of waiting.entries()) {
    const { settlement } = item;
    const result = results[index] ?? "missing";
    if (result === "missing" && settlement.tokens !== null) parts.onHomeless(settlement);
    else {
      parts.onSettled(item, result, waitedMs(item, now));
      ended.push(settlement.intentId);
    }
  }
  await parts.escrow.remove(ended);
}

/** One alone that is refused is written without its journal, if that is what is refused. */
async function writeOrBare(
  settlements: readonly Settlement[],
  { write, isRefusal }: WaitingParts,
): Promise<readonly SettleResult[]> {
  try {
    return await write(settlements);
  } catch (error) {
    if (settlements.length > 1 || !isRefusal(error)) throw error;
    return write(settlements.map(withoutJournal));
  }
}

function withNote(item: WaitingSettlement, now: number): Settlement {
  const { settlement } = item;
  const note = { kind: "settled_from_escrow", waitedMs: waitedMs(item, now) } as const;
  return { ...settlement, decision: { ...settlement.decision, events: [...settlement.decision.events, note] } };
}

function waitedMs({ putAt }: WaitingSettlement, now: number): number {
  return Math.max(0, Math.round(now - putAt));
}
