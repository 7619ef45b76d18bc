import type { Settlement, SettleResult } from "@evergrant/store";
import type { EscrowKeeper } from "./escrow-keeper.ts";
import type { WaitingSettlement } from "./settlement-text.ts";

export interface WaitingParts {
  readonly escrow: Pick<EscrowKeeper, "remove">;
  /** One transaction: all or nothing. */
  readonly write: (settlements: readonly Settlement[]) => Promise<readonly SettleResult[]>;
  readonly onSettled: (waiting: WaitingSettlement, result: SettleResult, waitedMs: number) => void;
  /** Epoch ms. */
  readonly now: () => number;
}

/**
 * Writes what waited in the escrow and removes it from there. Compare-and-set decides as for any settle, so
 * whoever else writes the same at the same time does no harm; a crash in between leaves an entry whose
 * next settle is `repeated`.
 *
 * @throws the driver's error; then all of it still waits
 */
export async function settleWaiting(waiting: readonly WaitingSettlement[], parts: WaitingParts): Promise<void> {
  const now = parts.now();
  const results = await parts.write(waiting.map((item) => withNote(item, now)));
  for (const [index, item] of waiting.entries()) {
    parts.onSettled(item, results[index] ?? "stale", waitedMs(item, now));
  }
  await parts.escrow.remove(waiting.map(({ settlement }) => settlement.intentId));
}

function withNote(item: WaitingSettlement, now: number): Settlement {
  const { settlement } = item;
  const note = { kind: "settled_from_escrow", waitedMs: waitedMs(item, now) } as const;
  return { ...settlement, decision: { ...settlement.decision, events: [...settlement.decision.events, note] } };
}

function waitedMs({ putAt }: WaitingSettlement, now: number): number {
  return Math.max(0, Math.round(now - putAt));
}
