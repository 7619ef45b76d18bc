import fc from "fast-check";
import { checkCase } from "./check-case.ts";
import { type HostileCase, hostileCase } from "./hostile-case.ts";

/** Cases that are generated from one seed. */
const BATCH = 1_000;

/** How often each outcome occurred. */
export type Tally = Readonly<Record<string, number>>;

export interface Judged {
  readonly answers: number;
  readonly seconds: number;
  readonly outcomes: Tally;
}

/**
 * Judges so many hostile answers, in batches of 1,000 with the seeds `seed`, `seed + 1`, …: a batch that
 * fails is played again by its own seed alone.
 *
 * @param settle gets every so-manieth case; what it throws ends the run
 * @throws Error with the rule that was broken, the smallest case that breaks it, and the seed
 */
export async function judgeMany(options: {
  readonly answers: number;
  readonly seed: number;
  readonly settleEvery: number;
  readonly settle: (cases: readonly HostileCase[]) => Promise<void>;
  readonly onProgress?: (answers: number) => void;
}): Promise<Judged> {
  const { answers, seed, settleEvery } = options;
  const outcomes: Record<string, number> = {};
  let seconds = 0;
  let done = 0;
  for (let batch = 0; done < answers; batch += 1) {
    const numRuns = Math.min(BATCH, answers - done);
    const chosen: HostileCase[] = [];
    const startedAt = performance.now();
    const property = fc.property(hostileCase, (given) => {
      const { outcome } = checkCase(given);
      outcomes[outcome.kind] = (outcomes[outcome.kind] ?? 0) + 1;
      if (done % settleEvery === 0) chosen.push(given);
      done += 1;
    });
    fc.assert(property, { numRuns, seed: seed + batch });
    seconds += (performance.now() - startedAt) / 1000;
    checkPrototype();
    await options.settle(chosen);
    options.onProgress?.(done);
  }
  return { answers: done, seconds, outcomes };
}

/** An answer must not become a part of every object. */
function checkPrototype(): void {
  const fields = [...Object.keys(Object.prototype), ...Object.keys(Array.prototype)];
  if (fields.length > 0) throw new Error(`Broken: no answer reaches the prototypes (${fields.join(", ")})`);
}
