import { setTimeout as delay } from "node:timers/promises";
import type { Claim } from "@evergrant/store";
import type { BatchUnderWay } from "./batch.ts";

const REST_AFTER_FAILED_CLAIM_MS = 1_000;

/** A claim, and when it was asked for: its lease began after that. Null: busy or no longer due. */
export type Claimed = { readonly claim: Claim; readonly askedAt: number } | null;

export interface ClaimManyParts {
  /** One statement for all of them. */
  readonly claim: (connectionIds: readonly string[]) => Promise<readonly Claim[]>;
  /** Whether a row is what fails, and not the database or the way to it. */
  readonly isRefusal: (error: unknown) => boolean;
  /** Told that the database, or the way to it, is in trouble. */
  readonly onTrouble: () => void;
  /** Milliseconds of a clock that never jumps. */
  readonly monotonicMs: () => number;
}

/**
 * Claims connections of all apps in one statement. A row that spoils it fails alone: the others are claimed by halves,
 * so that one connection's damage holds up nobody else's refresh.
 */
export function claimMany(parts: ClaimManyParts): (connectionIds: readonly string[]) => BatchUnderWay<Claimed> {
  return (connectionIds) => {
    const answers = claimEach(connectionIds, parts);
    const results = connectionIds.map(async (_, index) => {
      const answer = (await answers)[index];
      if (answer?.status === "rejected") throw answer.reason;
      return answer?.value ?? null;
    });
    return { results, done: answers };
  };
}

/** Never rejects: a failure is the answer of those whom it met. */
async function claimEach(
  connectionIds: readonly string[],
  parts: ClaimManyParts,
): Promise<PromiseSettledResult<Claimed>[]> {
  const askedAt = parts.monotonicMs();
  try {
    const byId = new Map((await parts.claim(connectionIds)).map((claim) => [claim.connection.id, claim]));
    return connectionIds.map((id) => {
      const claim = byId.get(id);
      // Whoever asked twice at once gets it once.
      byId.delete(id);
      return { status: "fulfilled", value: claim === undefined ? null : { claim, askedAt } };
    });
  } catch (error) {
    const failed = () => connectionIds.map(() => ({ status: "rejected", reason: error }) as const);
    if (parts.isRefusal(error)) return connectionIds.length > 1 ? claimHalves(connectionIds, parts) : failed();
    parts.onTrouble();
    // A worker that is cut off alone would else take the others' jobs from them as fast as they come.
    await delay(REST_AFTER_FAILED_CLAIM_MS);
    return failed();
  }
}

async function claimHalves(
  connectionIds: readonly string[],
  parts: ClaimManyParts,
): Promise<PromiseSettledResult<Claimed>[]> {
  const middle = Math.ceil(connectionIds.length / 2);
  const halves = [connectionIds.slice(0, middle), connectionIds.slice(middle)];
  return (await Promise.all(halves.map((half) => claimEach(half, parts)))).flat();
}
