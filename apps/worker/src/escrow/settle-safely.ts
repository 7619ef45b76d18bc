import type { Settlement, SettleResult } from "@evergrant/store";
import { type SettleParts, settleUntilWritten, type WrittenResult } from "../settle-until-written.ts";
import type { EscrowKeeper } from "./escrow-keeper.ts";

/** A settle that takes longer than this is put aside: its process may not live to see it written. */
const PUT_ASIDE_AFTER_MS = 1_000;
/** How long after a try to put something aside that failed the next one comes. */
const PUT_AGAIN_AFTER_MS = 1_000;

/** `escrowed`: not yet written, but safe: whoever reaches the database first will write it. */
export type SafeSettleResult = SettleResult | "escrowed";

export interface SafeSettleParts extends Omit<SettleParts, "onResults" | "mayGiveUp" | "mayLetGo"> {
  readonly escrow: Pick<EscrowKeeper, "put" | "remove" | "hasPlace">;
  /** Told when settlements could not be put aside either: from now on only this process keeps them. */
  readonly onUnsafe: (error: unknown, waiting: number) => void;
  /** Told the result of one that had been answered `escrowed` before. */
  readonly onLate: (settlement: Settlement, result: WrittenResult) => void;
  readonly isStopping: () => boolean;
  /** How long a refresh may wait for its settle when that is safe in the escrow. */
  readonly letGoAfterMs: number;
}

export interface SafeSettle {
  /** For each settlement its result, as soon as that is known. Rejects when it cannot be written at all. */
  readonly results: readonly Promise<SafeSettleResult>[];
  /** Ends when this process has nothing more to do for any of them. Never rejects. */
  readonly done: Promise<void>;
}

/**
 * Writes settlements however long it takes, and puts them into the escrow as soon as the first try fails or
 * takes too long, so that they outlive this process; again with each try that fails, since the escrow may
 * have been emptied.
 *
 * What is safe there is answered `escrowed` after `letGoAfterMs`: a worker that is cut off from the database would
 * else keep the connection from those who are not. It goes on being tried in the background. Once this process is
 * told to stop, what is safe there at that moment is left to others; what is not goes on being tried.
 *
 * A settlement that the database refuses for what it holds, or a token set whose row is missing, stays in the
 * escrow: it may be the only copy, and somebody has to look. As long as the escrow does not take it, this process
 * keeps it, and does not end.
 */
export function settleSafely(settlements: readonly Settlement[], parts: SafeSettleParts): SafeSettle {
  const waiting = new Map(settlements.map((settlement) => [settlement.intentId, toAnswer<SafeSettleResult>()]));
  const results = [...waiting.values()].map(({ promise }) => promise);
  const aside = putAside(settlements, parts);
  let mayWait = true;
  const letGo = async () => {
    mayWait = false;
    if (!(await aside.put())) return;
    for (const { intentId } of aside.unwritten()) waiting.get(intentId)?.resolve("escrowed");
  };
  const hasEnded = new AbortController();
  const timers = [
    setTimeout(() => void aside.putForSure(hasEnded.signal), PUT_ASIDE_AFTER_MS),
    setTimeout(() => void letGo(), parts.letGoAfterMs),
  ];
  const end = (settlement: Settlement, result: WrittenResult) => {
    const answer = waiting.get(settlement.intentId);
    if (answer?.isGiven() === true && result !== "escrowed") parts.onLate(settlement, result);
    if (result instanceof Error) answer?.reject(result);
    else answer?.resolve(result);
  };
  const done = settleUntilWritten(settlements, {
    ...parts,
    onWaiting: (error, count) => {
      parts.onWaiting(error, count);
      void (mayWait ? aside.put() : letGo());
    },
    onResults: async (some, theirs) => {
      await aside.end(some, theirs);
      for (const [index, settlement] of some.entries()) end(settlement, theirs[index] as WrittenResult);
    },
    mayGiveUp: async (some) => some.every(({ tokens }) => tokens === null) || (await aside.put()),
    mayLetGo: async () => parts.isStopping() && (await aside.put()),
  })
    .catch((error: unknown) => {
      for (const answer of waiting.values()) answer.reject(error);
    })
    .finally(() => {
      hasEnded.abort();
      timers.forEach(clearTimeout);
    });
  return { results, done };
}

function toAnswer<Answer>() {
  let given = false;
  let settle: { resolve: (answer: Answer) => void; reject: (error: unknown) => void } | undefined;
  const promise = new Promise<Answer>((resolve, reject) => {
    settle = { resolve, reject };
  });
  const give = (how: () => void) => {
    given = true;
    how();
  };
  return {
    promise,
    isGiven: () => given,
    resolve: (answer: Answer) => give(() => settle?.resolve(answer)),
    reject: (error: unknown) => give(() => settle?.reject(error)),
  };
}

function putAside(settlements: readonly Settlement[], { escrow, onUnsafe }: SafeSettleParts) {
  const unwritten = new Map(settlements.map((settlement) => [settlement.intentId, settlement]));
  let putting: Promise<boolean> | undefined;
  let mayBeThere = false;
  const tryOnce = async () => {
    if (unwritten.size === 0) return true;
    mayBeThere = true;
    try {
      await escrow.put([...unwritten.values()]);
      return true;
    } catch (error) {
      onUnsafe(error, unwritten.size);
      return false;
    } finally {
      putting = undefined;
    }
  };
  const put = (): Promise<boolean> => {
    putting ??= tryOnce();
    return putting;
  };
  const putForSure = async (until?: AbortSignal): Promise<void> => {
    while (!(await put()) && escrow.hasPlace && until?.aborted !== true) {
      await new Promise((resolve) => setTimeout(resolve, PUT_AGAIN_AFTER_MS));
    }
  };
  return {
    unwritten: () => [...unwritten.values()],
    /** Whether all that is not written is safe now. */
    put,
    /** Ends when it is, unless there is no place at all. */
    putForSure,
    /** What is written leaves the escrow, and what never will be comes to stay. */
    async end(some: readonly Settlement[], results: readonly WrittenResult[]): Promise<void> {
      if (some.some((settlement, index) => staysAside(settlement, results[index]))) await putForSure();
      const written = some.filter((settlement, index) => isWritten(settlement, results[index]));
      for (const { intentId } of written) unwritten.delete(intentId);
      await putting;
      if (mayBeThere) await escrow.remove(written.map(({ intentId }) => intentId));
    },
  };
}

function isWritten(settlement: Settlement, result: WrittenResult | undefined): boolean {
  return result !== undefined && result !== "escrowed" && !staysAside(settlement, result);
}

/** Whether somebody has to look at it: it cannot be written, and must not be forgotten. */
function staysAside({ tokens }: Settlement, result: WrittenResult | undefined): boolean {
  return result instanceof Error || (result === "missing" && tokens !== null);
}
