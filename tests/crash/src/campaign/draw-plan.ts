import { type Random, seededRandom } from "@evergrant/testkit/rules";
import type { FaultKind } from "../faults/fault.ts";
import type { Backend } from "../world/world.ts";

/** A fault of a campaign before it happens. */
export interface Planned {
  /** From 1, in the order in which they are to happen. */
  readonly number: number;
  readonly fault: FaultKind;
  /** 0 for a kind that takes no time. */
  readonly lengthMs: number;
  readonly random: Random;
}

/** From so many faults on, those that take time also happen as long as in earnest. */
const longFrom = 500;

/**
 * Draws the faults of a campaign. Pure: the same seed, number and backend give the same plan, and each fault
 * dice of its own, so that what one chooses does not hang on what became of the others.
 *
 * Kinds come in proportion to their weights, and each at least once where there is room for all of them.
 */
export function drawPlan(
  kinds: readonly FaultKind[],
  { seed, kills, backend }: { readonly seed: number; readonly kills: number; readonly backend: Backend },
): Planned[] {
  const possible = kinds.filter((fault) => fault.backend === undefined || fault.backend === backend);
  const random = seededRandom(seed);
  const drawn = shuffle(share(possible, kills), random);
  const left = new Map(possible.map((fault) => [fault.kind, kills < longFrom ? 0 : (fault.lengths?.long?.times ?? 0)]));
  return drawn.map((fault, index) => {
    const number = index + 1;
    const longOnes = left.get(fault.kind) ?? 0;
    left.set(fault.kind, longOnes - 1);
    const lengthMs = (longOnes > 0 ? fault.lengths?.long?.ms : fault.lengths?.short) ?? 0;
    return { number, fault, lengthMs, random: seededRandom(seed * 1_000_003 + number) };
  });
}

/** Each kind as often as its weight asks for (largest remainders first), and once at least where there is room. */
function share(kinds: readonly FaultKind[], count: number): FaultKind[] {
  const total = kinds.reduce((sum, { weight }) => sum + weight, 0);
  const least = count >= kinds.length ? 1 : 0;
  const free = count - least * kinds.length;
  const quotas = kinds.map((fault) => ({ fault, quota: (fault.weight / total) * free }));
  const whole = quotas.flatMap(({ fault, quota }) => Array<FaultKind>(least + Math.floor(quota)).fill(fault));
  const rest = quotas.toSorted((one, other) => (other.quota % 1) - (one.quota % 1)).map(({ fault }) => fault);
  return [...whole, ...rest.slice(0, count - whole.length)];
}

/** Fisher and Yates. */
function shuffle<Item>(items: readonly Item[], random: Random): Item[] {
  const shuffled = [...items];
  for (let last = shuffled.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [shuffled[last], shuffled[other]] = [shuffled[other] as Item, shuffled[last] as Item];
  }
  return shuffled;
}
