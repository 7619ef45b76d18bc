import type { FaultKind } from "../faults/fault.ts";

type Claims = Pick<FaultKind, "needs" | "disturbs">;

/** Whether two faults must not be under way at once: one disturbs what the other disturbs or needs. Pure. */
export function isInConflict(one: Claims, other: Claims): boolean {
  return disturbs(one, other) || disturbs(other, one);
}

function disturbs({ disturbs = [] }: Claims, other: Claims): boolean {
  return disturbs.some((part) => other.needs.includes(part) || (other.disturbs ?? []).includes(part));
}

/** A fault that has waited so long for its turn lets no other one pass. */
const patienceMs = 15_000;
/** So far ahead of the plan another one is looked for. */
const sightCount = 30;

export interface Waiting<Fault extends Claims> {
  readonly fault: Fault;
  /** Since when it could not begin; null while nobody has tried. */
  readonly blockedSince: number | null;
  /** It is not to be tried again before this. */
  readonly notBefore: number;
}

/**
 * Which of the waiting faults begins now: the first that gets on with all that are under way. One that has
 * been passed for too long is waited for.
 *
 * @returns its place in the list; -1 when all have to wait
 */
export function chooseNext<Fault extends Claims>(
  waiting: readonly Waiting<Fault>[],
  underWay: readonly Claims[],
  now: number,
): number {
  for (const [index, { fault, blockedSince, notBefore }] of waiting.slice(0, sightCount).entries()) {
    if (now >= notBefore && !underWay.some((other) => isInConflict(fault, other))) return index;
    if (blockedSince !== null && now - blockedSince > patienceMs) return -1;
  }
  return -1;
}
