import type { Logger } from "@evergrant/runtime";
import type { Claim, Settlement, SettleResult } from "@evergrant/store";
import type { Escrow } from "@evergrant/store/escrow";
import type { TokenVault } from "@evergrant/store/secrets";
import { batch } from "../batch.ts";
import { drainEscrow } from "./drain-escrow.ts";
import { type AwaitedRequest, createEscrowKeeper } from "./escrow-keeper.ts";
import { type SafeSettle, type SafeSettleParts, settleSafely } from "./settle-safely.ts";
import { settleWaiting } from "./settle-waiting.ts";
import type { WaitingSettlement } from "./settlement-text.ts";
import { createTakeOver, type TakeOverVerdict } from "./take-over.ts";

const DRAIN_EVERY_MS = 5_000;
const LARGEST_TAKE_OVER = 256;

/**
 * The escrow's uses in a worker: a settle that cannot be written, one that another left, those of the lost, and
 * word of answers that are still to come while the database is out of reach.
 */
export interface Safekeeping {
  settle(
    settlements: readonly Settlement[],
    parts: Omit<SafeSettleParts, "escrow" | "onUnsafe" | "onLate">,
  ): SafeSettle;
  takeOver(claim: Claim): Promise<TakeOverVerdict>;
  /** Tells the others for `forMs` that the answers to these requests are still awaited here. Never throws. */
  stillAwaits(requests: readonly AwaitedRequest[], forMs: number): void;
  /** Waits until no settle is left to this process alone. */
  close(): Promise<void>;
}

export function openSafekeeping({
  escrow,
  vault,
  logger,
  write,
  isRefusal,
  isTimeout,
  onError,
}: {
  readonly escrow: Escrow;
  readonly vault: TokenVault;
  readonly logger: Logger;
  readonly write: (settlements: readonly Settlement[]) => Promise<readonly SettleResult[]>;
  readonly isRefusal: (error: unknown) => boolean;
  readonly isTimeout: (error: unknown) => boolean;
  readonly onError: (error: unknown) => void;
}): Safekeeping {
  // Wall clock: an entry is read by other machines.
  const now = () => Date.now();
  const keeper = createEscrowKeeper({
    escrow,
    vault,
    now,
    onUnreadable: (intentId, error) =>
      logger.error({ err: error, intent: intentId }, "an entry of the escrow does not open, it stays there"),
  });
  const subjectOf = ({ connectionId, appId, outcome }: Settlement) => ({
    connection: connectionId,
    oauthApp: appId,
    outcome,
  });
  const onSettled = ({ settlement }: WaitingSettlement, result: SettleResult, waitedMs: number) =>
    logger[result === "repeated" ? "debug" : "info"](
      { ...subjectOf(settlement), result, waitedMs },
      "settled from the escrow",
    );
  const told = new Set<string>();
  const onHomeless = (settlement: Settlement) => {
    if (told.has(settlement.intentId)) return;
    told.add(settlement.intentId);
    logger.error(subjectOf(settlement), "a token set in the escrow has no connection to go to, it stays there");
  };
  const waitingParts = { escrow: keeper, write, isRefusal, onSettled, onHomeless, now };
  const drain = drainEscrow({
    escrow: keeper,
    settle: (waiting) => settleWaiting(waiting, waitingParts),
    isRefusal,
    isTimeout,
    onError,
    everyMs: DRAIN_EVERY_MS,
  });
  const underWay = new Set<Promise<void>>();
  return {
    settle: (settlements, parts) => {
      const settling = settleSafely(settlements, {
        ...parts,
        escrow: keeper,
        onUnsafe: (error, waiting) =>
          logger.error({ err: error, waiting }, "the escrow does not take them either: this process alone keeps them"),
        onLate: (settlement, result) => {
          const [level, how] =
            result instanceof Error ? (["error", { err: result }] as const) : (["info", { result }] as const);
          logger[level]({ ...subjectOf(settlement), ...how }, "settled after it had been let go");
        },
      });
      underWay.add(settling.done);
      void settling.done.then(() => underWay.delete(settling.done));
      return settling;
    },
    takeOver: batch(createTakeOver({ ...waitingParts, onError }), LARGEST_TAKE_OVER),
    stillAwaits: (requests, forMs) => void keeper.markAwaited(requests, forMs).catch(onError),
    close: async () => {
      await Promise.all(underWay);
      await drain.close();
    },
  };
}
