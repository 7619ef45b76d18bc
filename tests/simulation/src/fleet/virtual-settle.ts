import type { Settlement, SettleResult } from "@evergrant/store";
import type { EscrowKeeper } from "@evergrant/worker/escrow-keeper";
import { DatabaseAway } from "./database.ts";
import type { VirtualProcess } from "./virtual-process.ts";

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/**
 * What production's `settleSafely` does, on the virtual clock: tries until it is written, puts the settlement
 * aside with each try that fails, answers `escrowed` after `letGoAfterMs` and goes on trying, and on a stop leaves to
 * others what is safe there.
 */
export async function settleInVirtualTime(settlement: Settlement, parts: VirtualSettleParts): Promise<VirtualResult> {
  const { clock } = parts.process;
  let result: VirtualResult = "escrowed";
  await clock.wait((resume) => {
    let isWaiting = true;
    const answer = (given: VirtualResult) => {
      if (!isWaiting) return;
      isWaiting = false;
      result = given;
      resume();
    };
    clock.spawn(async () => answer(await writeUntilDone(settlement, parts, () => answer("escrowed"))));
  });
  return result;
}

type VirtualResult = SettleResult | "escrowed";

interface VirtualSettleParts {
  readonly process: VirtualProcess;
  readonly write: (settlements: readonly Settlement[]) => Promise<readonly SettleResult[]>;
  readonly keeper: Pick<EscrowKeeper, "put" | "remove">;
  readonly isStopping: () => boolean;
  readonly onError: (error: unknown) => void;
  readonly now: () => number;
  readonly letGoAfterMs: number;
}

async function writeUntilDone(
  settlement: Settlement,
  parts: VirtualSettleParts,
  letGo: () => void,
): Promise<VirtualResult> {
  const startedAt = parts.now();
  const putAside = () =>
    parts.keeper.put([settlement]).then(
      () => true,
      () => false,
    );
  let mayBeThere = false;
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(LONGEST_RETRY_MS, waitMs * 2)) {
    try {
      const [result = "missing"] = await parts.write([settlement]);
      if (mayBeThere) await parts.keeper.remove([settlement.intentId]);
      return result;
    } catch (error) {
      if (!(error instanceof DatabaseAway)) throw error;
      parts.onError(error);
      mayBeThere = true;
      const isSafe = await putAside();
      if (isSafe && parts.isStopping()) return "escrowed";
      if (isSafe && parts.now() - startedAt >= parts.letGoAfterMs) letGo();
      await parts.process.sleep(waitMs);
    }
  }
}
