import { Worker } from "node:worker_threads";
import type { Ending } from "../checks/ending.ts";
import type { Replay } from "./replay.ts";
import type { SeedMessage, SeedOutcome, SeedToRun } from "./seed-thread.ts";

const SAY_EVERY_MS = 5_000;
/** Most of what is made lives for a moment: a roomy nursery spares a third of the collector's work. */
const NURSERY_MIB = 96;
const MEMORY_MIB = 4_096;

export interface SeedsToRun {
  readonly days: number;
  readonly connections: number;
  readonly seeds: number;
  readonly seed: number;
  readonly threads: number;
  say(line: string): void;
}

/** All seeds together, as `--json` prints it. */
export interface SimulationReport {
  readonly ok: boolean;
  readonly days: number;
  readonly connections: number;
  readonly seeds: readonly number[];
  readonly threads: number;
  readonly seconds: number;
  readonly refreshes: number;
  readonly refreshesPerSecond: number;
  readonly byOutcome: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  /** Connections that came to need their customer, by why. */
  readonly endings: Readonly<Partial<Record<Ending["kind"], number>>>;
  readonly counts: Readonly<Record<string, number>>;
  readonly journal: Readonly<Record<string, number>>;
  /** Of this process, highest. */
  readonly memoryMiB: number;
  readonly violations: readonly ({ readonly seed: number } & Replay)[];
}

/** Runs each seed in a thread, several at a time. */
export async function runSeeds({
  days,
  connections,
  seeds,
  seed,
  threads,
  say,
}: SeedsToRun): Promise<SimulationReport> {
  const numbers = Array.from({ length: seeds }, (_, index) => seed + index);
  const left = numbers.map((number): SeedToRun => ({ seed: number, days, connections }));
  const progress = new Map<number, number>();
  const startedAt = performance.now();
  let memoryMiB = 0;
  const outcomes: SeedOutcome[] = [];
  const timer = setInterval(() => {
    memoryMiB = Math.max(memoryMiB, residentMiB());
    const running = [...progress].map(([number, day]) => `seed ${number} at day ${day}`).join(", ");
    say(`${outcomes.length} of ${seeds} seeds done; ${running}`);
  }, SAY_EVERY_MS);
  const onMessage = (message: SeedMessage) => {
    if (message.kind === "day") progress.set(message.seed, message.day);
    else if (message.kind === "shrinking") say(`seed ${message.seed} failed; looking for its shortest replay`);
    else {
      progress.delete(message.seed);
      outcomes.push(message.outcome);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(threads, seeds) }, () => runThread(left, onMessage)));
  } finally {
    clearInterval(timer);
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  const sums = sumUp(outcomes);
  const refreshes = Object.values(sums.byOutcome).reduce((sum, count) => sum + count, 0);
  return {
    ok: sums.violations.length === 0,
    days,
    connections,
    seeds: numbers,
    threads: Math.min(threads, seeds),
    seconds: Math.round(seconds * 10) / 10,
    refreshes,
    refreshesPerSecond: Math.round(refreshes / seconds),
    ...sums,
    memoryMiB: Math.max(memoryMiB, residentMiB()),
  };
}

/** One thread, which takes seed after seed until none is left. */
function runThread(left: SeedToRun[], onMessage: (message: SeedMessage) => void): Promise<void> {
  const next = left.shift();
  if (next === undefined) return Promise.resolve();
  const thread = new Worker(new URL("./seed-thread.js", import.meta.url), {
    resourceLimits: { maxYoungGenerationSizeMb: NURSERY_MIB, maxOldGenerationSizeMb: MEMORY_MIB },
  });
  return new Promise((resolve, reject) => {
    thread.on("error", reject);
    thread.on("message", (message: SeedMessage) => {
      onMessage(message);
      if (message.kind !== "done") return;
      const following = left.shift();
      if (following === undefined) thread.terminate().then(() => resolve(), reject);
      else thread.postMessage(following);
    });
    thread.postMessage(next);
  });
}

function sumUp(outcomes: readonly SeedOutcome[]) {
  const ordered = outcomes.toSorted((one, other) => one.seed - other.seed);
  return {
    byOutcome: sum(ordered.map(({ result }) => result.refreshes)),
    faults: sum(ordered.flatMap(({ plan }) => plan.faults.map(({ kind }) => ({ [kind]: 1 })))),
    endings: sum(ordered.map(({ result }) => result.endings)),
    counts: sum(ordered.map(({ result }) => result.counts)),
    journal: sum(ordered.map(({ result }) => result.journal)),
    violations: ordered.flatMap(({ seed, shortest }) => (shortest === null ? [] : [{ seed, ...shortest }])),
  };
}

function sum(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const counts of all) for (const [key, count] of Object.entries(counts)) sums[key] = (sums[key] ?? 0) + count;
  return sums;
}

function residentMiB(): number {
  return Math.round(process.memoryUsage.rss() / 2 ** 20);
}
