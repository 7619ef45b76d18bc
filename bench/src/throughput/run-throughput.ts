import { describeMachine, type Machine } from "../stage/machine.ts";
import type { Stage } from "../stage/start-stage.ts";
import { type Comparison, compare, describeRun } from "./compare.ts";
import type { Contender } from "./contender.ts";
import { measure, type Run } from "./measure.ts";

/** Enough to tell concurrencies apart. */
const trialConnections = 3_000;

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
export interface ThroughputReport extends Comparison {
  readonly benchmark: "throughput";
  readonly minRatio: number;
  readonly connections: number;
  /** How each side's concurrency was chosen. */
  readonly trials: readonly Pick<Run, "contender" | "concurrency" | "perSecond">[];
  readonly machine: Machine;
  readonly servers: Stage["servers"];
}

/**
 * Compares two workers in the same minutes on the same servers: first each side's concurrency is
 * chosen, then both are measured in turn, the order changing from round to round.
 */
export async function runThroughput(
  stage: Stage,
  [first, second]: readonly [Contender, Contender],
  options: ThroughputOptions,
): Promise<ThroughputReport> {
  const { connections, minRatio } = options;
  const trials = [
    ...(await tryConcurrencies(stage, first, options)),
    ...(await tryConcurrencies(stage, second, options)),
  ];
  const rounds: Run[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const contender of round % 2 === 0 ? [first, second] : [second, first]) {
      const concurrency = bestFor(contender, trials) ?? options.concurrencies[0] ?? 1;
      const run = await measure(stage, contender, { connections, concurrency, nodeArgs: options.nodeArgs ?? [] });
      rounds.push(run);
      options.say(`round ${round + 1} of ${options.rounds}: ${describeRun(run)}`);
    }
  }
  return {
    benchmark: "throughput",
    ...compare([first.name, second.name], { rounds, trials }, minRatio),
    minRatio,
    connections,
    trials: trials.map(({ contender, concurrency, perSecond }) => ({
      contender,
      concurrency,
      perSecond: Math.round(perSecond),
    })),
    machine: describeMachine(),
    servers: stage.servers,
  };
}

/** Nothing to try where there is no choice. */
async function tryConcurrencies(stage: Stage, contender: Contender, options: ThroughputOptions): Promise<Run[]> {
  if (options.concurrencies.length < 2) return [];
  const connections = Math.min(options.connections, trialConnections);
  const trials: Run[] = [];
  for (const concurrency of options.concurrencies) {
    const run = await measure(stage, contender, { connections, concurrency, nodeArgs: [] });
    trials.push(run);
    options.say(`choosing how many in flight: ${describeRun(run)}`);
  }
  return trials;
}

function bestFor(contender: Contender, trials: readonly Run[]): number | undefined {
  const own = trials.filter((run) => run.contender === contender.name);
  return own.sort((a, b) => b.perSecond - a.perSecond)[0]?.concurrency;
}
