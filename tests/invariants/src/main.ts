import { availableParallelism, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { MisplacedMutant } from "./apply-mutant.ts";
import { checkInvariants, UnsoundTests } from "./check-invariants.ts";
import { jsonReport, resultLine, summary } from "./report.ts";
import { invariants } from "./table/index.ts";
import { chooseTrials, trialsOf } from "./trials.ts";

/** Each worker keeps a core busy, and more than two gain little: their databases share the disk. */
const MOST_WORKERS = 2;

const root = fileURLToPath(new URL("../../..", import.meta.url));
const program = new Command("check:invariants")
  .description("Takes each guard of the ten invariants away in a copy of the project and shows its test failing.")
  .option("--only <what...>", "invariants by number, mutants by name")
  .option("--workers <count>", "mutants at a time", wholeFromOne)
  .option("--json", "one JSON document on standard output")
  .parse();
const { only = [], workers = idleCores(), json = false } = program.opts<Options>();

interface Options {
  readonly only?: string[];
  readonly workers?: number;
  readonly json?: boolean;
}

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stopping.abort());
process.exitCode = await run();

async function run(): Promise<number> {
  const startedAt = performance.now();
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  try {
    const results = await checkInvariants({
      root,
      trials: chooseTrials(trialsOf(invariants), only),
      workers,
      onStep: say,
      onResult: (result) => say(resultLine(result)),
      signal: stopping.signal,
    });
    const ms = performance.now() - startedAt;
    if (json) process.stdout.write(`${jsonReport(results, ms)}\n`);
    say(summary(results, ms));
    return results.every(({ isAsTold }) => isAsTold) ? 0 : 1;
  } catch (error) {
    if (stopping.signal.aborted) return 130;
    const isExplained =
      error instanceof MisplacedMutant || error instanceof UnsoundTests || error instanceof RangeError;
    if (!isExplained) throw error;
    say(error.message);
    return error instanceof RangeError ? 2 : 1;
  }
}

/** One when others are at work on this machine. */
function idleCores(): number {
  const idle = Math.floor(availableParallelism() - (loadavg()[0] ?? 0) + 0.5);
  return Math.max(1, Math.min(MOST_WORKERS, idle));
}

function wholeFromOne(text: string): number {
  if (!/^[1-9]\d?$/.test(text)) throw new InvalidArgumentError("It has to be a whole number from 1.");
  return Number(text);
}
