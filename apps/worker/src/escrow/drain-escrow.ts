import type { EscrowKeeper } from "./escrow-keeper.ts";
import type { WaitingSettlement } from "./settlement-text.ts";

/** Rows of one settle. */
const CHUNK = 128;
const TOLD_EVERY_ROUNDS = 12;

/**
 * Looks into the escrow from time to time and settles what waits there, whoever put it: the worker that did
 * may be gone. Nothing waits on an ordinary day, and then a look costs one short question.
 */
export function drainEscrow({
  escrow,
  settle,
  isRefusal,
  isTimeout,
  onError,
  everyMs,
}: {
  readonly escrow: Pick<EscrowKeeper, "readAll">;
  /** @throws the driver's error; then all of it still waits */
  readonly settle: (waiting: readonly WaitingSettlement[]) => Promise<void>;
  readonly isRefusal: (error: unknown) => boolean;
  /** The statement waited too long, as for a row that somebody holds. */
  readonly isTimeout: (error: unknown) => boolean;
  readonly onError: (error: unknown) => void;
  readonly everyMs: number;
}): { close(): Promise<void> } {
  let round: Promise<void> | undefined;
  let roundsUntilTold = 0;

  const look = async () => {
    try {
      const { waiting, faults } = await escrow.readAll();
      tellOf(faults);
      for (let start = 0; start < waiting.length; start += CHUNK) await settleEach(waiting.slice(start, start + CHUNK));
    } catch (error) {
      onError(error);
    } finally {
      round = undefined;
    }
  };
  const timer = setInterval(() => {
    round ??= look();
  }, everyMs);
  round = look();

  return {
    async close() {
      clearInterval(timer);
      await round;
    },
  };

  /** Told once, and again after a while: until it is mended, nobody may take over what a lost worker left. */
  function tellOf(faults: readonly Error[]): void {
    const [first] = faults;
    if (first === undefined) roundsUntilTold = 0;
    else if (roundsUntilTold > 0) roundsUntilTold -= 1;
    else {
      roundsUntilTold = TOLD_EVERY_ROUNDS;
      onError(first);
    }
  }

  /** One that the database refuses, or whose row somebody holds, stays where it is and holds up no other. */
  async function settleEach(waiting: readonly WaitingSettlement[]): Promise<void> {
    try {
      await settle(waiting);
    } catch (error) {
      if (!isRefusal(error) && !isTimeout(error)) throw error;
      if (waiting.length === 1) return onError(error);
      const middle = Math.ceil(waiting.length / 2);
      await settleEach(waiting.slice(0, middle));
      await settleEach(waiting.slice(middle));
    }
  }
}
