import type { Settlement, SettleResult } from "@evergrant/store";
import type { EscrowKeeper } from "@evergrant/worker/escrow-keeper";
import { DatabaseAway } from "./database.ts";
import type { VirtualProcess } from "./virtual-process.ts";

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/**
 * What production's `settleSafely` does, on the virtual clock: tries until it is written, puts the settlement
 * aside with each try that fails, and on a stop leaves to others what is safe there.
 */
export async function settleInVirtualTime(
  settlement: Settlement,
  parts: {
    readonly process: VirtualProcess;
    readonly write: (settlements: readonly Settlement[]) => Promise<readonly SettleResult[]>;
    readonly keeper: Pick<EscrowKeeper, "put" | "remove">;
    readonly isStopping: () => boolean;
    readonly onError: (error: unknown) => void;
  },
): Promise<SettleResult | "escrowed"> {
  const putAside = () =>
    parts.keeper.put([settlement]).then(
      () => true,
      () => false,
    );
  let mayBeThere = false;
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(LONGEST_RETRY_MS, waitMs * 2)) {
    try {
      const [result = "stale"] = await parts.write([settlement]);
      if (mayBeThere) await parts.keeper.remove([settlement.intentId]);
      return result;
    } catch (error) {
      if (!(error instanceof DatabaseAway)) throw error;
      parts.onError(error);
      mayBeThere = true;
      if ((await putAside()) && parts.isStopping()) return "escrowed";
      await parts.process.sleep(waitMs);
    }
  }
}
