import { resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { startStage } from "../stage/start-stage.ts";
import { describeReport } from "./describe-report.ts";
import { evergrant } from "./evergrant.ts";
import { plain } from "./plain.ts";
import { runThroughput } from "./run-throughput.ts";

interface Flags {
  readonly connections: number;
  readonly rounds: number;
  readonly concurrency: readonly number[];
  readonly minRatio: number;
  readonly cpuProfile?: string;
  readonly json: boolean;
}

/** `bench throughput`; exit code 1 when the audit does not hold or the ratio is too small. */
export function throughputCommand(): Command {
  return new Command("throughput")
    .description("Refreshes a second, against the worker that most people write: same servers, same run")
    .option("--connections <n>", "connections in each round, all due at once", whole, 10_000)
    .option("--rounds <n>", "rounds; each measures both sides", whole, 3)
    .option("--concurrency <list>", "refreshes in flight; of several, each side gets its best", wholes, [50, 100, 250])
    .option("--min-ratio <x>", "the least that passes", number, 2)
    .option("--cpu-profile <folder>", "have both workers write CPU profiles of the rounds")
    .option("--json", "one line of JSON on standard output", false)
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  say("starting PostgreSQL, Redis and the provider simulator");
  const stage = await startStage();
  try {
    const report = await runThroughput(stage, [evergrant, plain], {
      connections: flags.connections,
      rounds: flags.rounds,
      concurrencies: flags.concurrency,
      minRatio: flags.minRatio,
      nodeArgs: flags.cpuProfile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${resolve(flags.cpuProfile)}`],
      say,
    });
    process.stdout.write(`${flags.json ? JSON.stringify(report) : describeReport(report)}\n`);
    if (!report.ok) process.exitCode = 1;
  } finally {
    await stage.stop();
  }
}

function whole(text: string): number {
  const value = number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("It has to be a whole number from 1.");
  return value;
}

function wholes(text: string): number[] {
  return text.split(",").map(whole);
}

function number(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError("It has to be a number.");
  return value;
}
