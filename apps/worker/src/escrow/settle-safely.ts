import type { Settlement, SettleResult } from "@evergrant/store";
import { type SettleParts, settleUntilWritten } from "../settle-until-written.ts";
import type { EscrowKeeper } from "./escrow-keeper.ts";

/** A settle that takes longer than this is put aside: its process may not live to see it written. */
const PUT_ASIDE_AFTER_MS = 1_000;

/** `escrowed`: not written, but safe; another worker will write it. Only on a stop. */
export type SafeSettleResult = SettleResult | "escrowed";

export interface SafeSettleParts extends Omit<SettleParts, "onWaiting" | "mayLetGo"> {
  readonly escrow: Pick<EscrowKeeper, "put" | "remove">;
  readonly onWaiting: (error: unknown, waiting: number) => void;
  /** Told when settlements could not be put aside either: from now on only this process keeps them. */
  readonly onUnsafe: (error: unknown, waiting: number) => void;
  readonly isStopping: () => boolean;
}

/**
 * Writes settlements however long it takes, and puts them into the escrow as soon as the first try fails or
 * takes too long, so that they outlive this process; again with each try that fails, since the escrow may
 * have been emptied. Once it is told to stop, what is safe there at that moment is left to others; what is
 * not goes on being tried.
 *
 * A settlement that the database refuses for what it holds stays in the escrow: its token set may be the
 * only copy, and somebody has to look.
 *
 * @returns for each settlement its result, or the error for which it cannot be written at all
 */
export async function settleSafely(
  settlements: readonly Settlement[],
  parts: SafeSettleParts,
): Promise<readonly (SafeSettleResult | Error)[]> {
  const aside = putAside(settlements, parts);
  const timer = setTimeout(() => void aside.put(), PUT_ASIDE_AFTER_MS);
  try {
    const results = await settleUntilWritten(settlements, {
      ...parts,
      onWaiting: (error, waiting) => {
        parts.onWaiting(error, waiting);
        void aside.put();
      },
      mayLetGo: async () => parts.isStopping() && (await aside.put()),
    });
    if (results.some((result) => result instanceof Error)) await aside.put();
    await aside.remove(results);
    return results;
  } finally {
    clearTimeout(timer);
  }
}

function putAside(settlements: readonly Settlement[], { escrow, onUnsafe }: SafeSettleParts) {
  let putting: Promise<boolean> | undefined;
  let mayBeThere = false;
  const tryOnce = async () => {
    mayBeThere = true;
    try {
      await escrow.put(settlements);
      return true;
    } catch (error) {
      onUnsafe(error, settlements.length);
      return false;
    } finally {
      putting = undefined;
    }
  };
  return {
    /** Whether they are safe now. */
    put(): Promise<boolean> {
      putting ??= tryOnce();
      return putting;
    },
    async remove(results: readonly (SafeSettleResult | Error)[]): Promise<void> {
      await putting;
      if (!mayBeThere) return;
      const written = settlements.filter((_, index) => isWritten(results[index]));
      await escrow.remove(written.map(({ intentId }) => intentId));
    },
  };
}

function isWritten(result: SafeSettleResult | Error | undefined): boolean {
  return result !== undefined && result !== "escrowed" && !(result instanceof Error);
}
