import { describeMachine, type Machine } from "../stage/machine.ts";
import type { Stage } from "../stage/start-stage.ts";
import type { Contender } from "./contender.ts";
import { measure, type Run } from "./measure.ts";
import { fastest, type Summary, summarize } from "./summarize.ts";

/** Enough to tell concurrencies apart. */
const tuningConnections = 3_000;

export interface ThroughputOptions {
  readonly connections: number;
  readonly rounds: number;
  /** Each side runs at the one of these that suits it best. */
  readonly concurrencies: readonly number[];
  readonly minRatio: number;
  /** For the worker processes of both sides. */
  readonly nodeArgs?: readonly string[];
  /** Gets one line of progress at a time. */
  say(line: string): void;
}

/** The whole result, as `--json` prints it. Rates are refreshes a second. */
export interface ThroughputReport {
  readonly benchmark: "throughput";
  readonly ok: boolean;
  /** Median of the first side over median of the second. */
  readonly ratio: number;
  readonly minRatio: number;
  readonly connections: number;
  readonly sides: Readonly<Record<string, Summary>>;
  readonly tuning: readonly Pick<Run, "contender" | "concurrency" | "perSecond">[];
  /** What the provider's audit found wrong, with the run that it was found in. */
  readonly faults: readonly string[];
  readonly machine: Machine;
  readonly servers: Stage["servers"];
}

/**
 * Compares two workers in the same minutes on the same servers: first each side's concurrency is
 * chosen, then both are measured in turn, the order changing from round to round.
 *
 * `ok` is false when any run's audit does not hold, or when the ratio of the medians is below the one
 * asked for.
 */
export async function runThroughput(
  stage: Stage,
  [first, second]: readonly [Contender, Contender],
  options: ThroughputOptions,
): Promise<ThroughputReport> {
  const { connections, rounds, minRatio, say } = options;
  const tuning: Run[] = [];
  const runs: Run[] = [];
  const chosen = new Map<Contender, number>();
  for (const contender of [first, second]) {
    const tried = await tryConcurrencies(stage, contender, options);
    tuning.push(...tried);
    chosen.set(contender, tried.length === 0 ? (options.concurrencies[0] ?? 1) : fastest(tried).concurrency);
  }
  for (let round = 0; round < rounds; round++) {
    for (const contender of round % 2 === 0 ? [first, second] : [second, first]) {
      const concurrency = chosen.get(contender) ?? 1;
      const run = await measure(stage, contender, { connections, concurrency, nodeArgs: options.nodeArgs ?? [] });
      runs.push(run);
      say(`round ${round + 1} of ${rounds}: ${describeRun(run)}`);
    }
  }
  const sideOf = ({ name }: Contender) => summarize(runs.filter((run) => run.contender === name));
  const [leading, other] = [sideOf(first), sideOf(second)];
  const ratio = Math.round((leading.median / other.median) * 100) / 100;
  const faults = [...tuning, ...runs].flatMap((run) => run.faults.map((fault) => `${describeRun(run)}: ${fault}`));
  return {
    benchmark: "throughput",
    ok: faults.length === 0 && ratio >= minRatio,
    ratio,
    minRatio,
    connections,
    sides: { [first.name]: leading, [second.name]: other },
    tuning: tuning.map(({ contender, concurrency, perSecond }) => ({
      contender,
      concurrency,
      perSecond: Math.round(perSecond),
    })),
    faults,
    machine: describeMachine(),
    servers: stage.servers,
  };
}

async function tryConcurrencies(stage: Stage, contender: Contender, options: ThroughputOptions): Promise<Run[]> {
  const tried: Run[] = [];
  if (options.concurrencies.length < 2) return tried;
  const connections = Math.min(options.connections, tuningConnections);
  for (const concurrency of options.concurrencies) {
    const run = await measure(stage, contender, { connections, concurrency, nodeArgs: [] });
    tried.push(run);
    options.say(`choosing a concurrency: ${describeRun(run)}`);
  }
  return tried;
}

function describeRun({ contender, concurrency, refreshes, seconds, perSecond }: Run): string {
  return `${contender} at ${concurrency}: ${refreshes} refreshes in ${seconds.toFixed(1)} s, ${Math.round(perSecond)} /s`;
}
