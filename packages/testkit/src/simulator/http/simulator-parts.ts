import type { FaultBoard } from "../faults/fault-board.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Random } from "../ledger/random.ts";
import type { SigningKey } from "../token/signing-key.ts";
import type { PendingCalls } from "./pending-calls.ts";

/** What the HTTP side shares: the bookkeeping, the faults, the key, the clock (Unix milliseconds) and the dice. */
export interface SimulatorParts {
  readonly ledger: Ledger;
  readonly faults: FaultBoard;
  readonly pending: PendingCalls;
  readonly key: SigningKey;
  readonly now: () => number;
  readonly random: Random;
  readonly seed: number;
  /** Aborts when the simulator closes: replies that are still waiting give up. */
  readonly closing: AbortSignal;
}
