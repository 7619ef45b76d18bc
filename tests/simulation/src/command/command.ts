import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Command, InvalidArgumentError } from "commander";
import type { Plan } from "../plan/plan.ts";
import { describeReplay, replay } from "./replay.ts";
import { describeReport } from "./report.ts";
import { runSeeds } from "./run-seeds.ts";

interface Flags {
  readonly days: number;
  readonly connections: number;
  readonly seeds: number;
  readonly seed: number;
  readonly threads: number;
  readonly replay?: string;
  readonly json: boolean;
}

/** `simulate`; exit code 1 when something did not hold. */
export function simulateCommand(): Command {
  return new Command("simulate")
    .description(
      "Runs the refresh of many connections through months of faults, in virtual time, and checks every step",
    )
    .option("--days <n>", "days that pass", whole, 120)
    .option("--connections <n>", "connections, of three kinds of provider", whole, 20_000)
    .option("--seeds <n>", "how many simulations; each seed is another set of customers and faults", whole, 50)
    .option("--seed <n>", "the first seed", whole, 1)
    .option("--threads <n>", "simulations at a time", whole, availableParallelism())
    .option(
      "--replay <plan>",
      "run one plan again and tell its story: the JSON that a failed run printed, or a file of it",
    )
    .option("--json", "one line of JSON on standard output", false)
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const print = (report: { readonly ok: boolean }, text: string) => {
    process.stdout.write(`${flags.json ? JSON.stringify(report) : text}\n`);
    if (!report.ok) process.exitCode = 1;
  };
  if (flags.replay !== undefined) {
    const told = await replay(readPlan(flags.replay));
    print(told, describeReplay(told));
    return;
  }
  const report = await runSeeds({ ...flags, say });
  print(report, describeReport(report));
}

function readPlan(source: string): Plan {
  const text = source.trimStart().startsWith("{") ? source : readFileSync(source, "utf8");
  return JSON.parse(text);
}

function whole(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1) throw new InvalidArgumentError("It has to be a whole number from 1.");
  return value;
}
