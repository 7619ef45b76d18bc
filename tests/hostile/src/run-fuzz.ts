import { type Judged, judgeMany } from "./answers/judge-many.ts";
import { openRows } from "./rows/open-rows.ts";
import { askMany } from "./wire/ask-many.ts";

export interface FuzzOptions {
  /** Answers to judge in memory. */
  readonly answers: number;
  /** Answers to fetch over HTTP. */
  readonly overHttp: number;
  /** One of so many is settled on a row of a real database. */
  readonly settleEvery: number;
  readonly seed: number;
  /** A migrated database of its own. */
  readonly databaseUrl: string;
  readonly onProgress?: (what: string, done: number) => void;
}

export interface FuzzReport {
  readonly seed: number;
  readonly judged: Judged;
  readonly overHttp: Judged;
  /** Token sets of real rows, each opened again after its answer. */
  readonly settled: { readonly replaced: number; readonly kept: number; readonly seconds: number };
}

/**
 * Generates answers such as no provider should give, and holds what comes of each against what must be true
 * whatever a provider says: nothing throws, no token is lost, invented or told, no stored set is damaged.
 *
 * @throws Error with the rule that was broken, the smallest case that breaks it, and the seed to replay it
 */
export async function runFuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { seed, settleEvery, onProgress = () => {} } = options;
  const rows = await openRows(options.databaseUrl);
  const settled = { replaced: 0, kept: 0, seconds: 0 };
  try {
    const judged = await judgeMany({
      answers: options.answers,
      seed,
      settleEvery,
      settle: async (cases) => {
        const startedAt = performance.now();
        const { replaced, kept } = await rows.settle(cases);
        settled.replaced += replaced;
        settled.kept += kept;
        settled.seconds += (performance.now() - startedAt) / 1000;
      },
      onProgress: (done) => onProgress("answers judged", done),
    });
    await rows.checkBystanders();
    const overHttp = await askMany({
      answers: options.overHttp,
      seed,
      onProgress: (done) => onProgress("answers over HTTP", done),
    });
    return { seed, judged, overHttp, settled };
  } finally {
    await rows.close();
  }
}
