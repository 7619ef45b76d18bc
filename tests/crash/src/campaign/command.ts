import { randomInt } from "node:crypto";
import { rm } from "node:fs/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { logFolder } from "../world/start-world.ts";
import type { Backend } from "../world/world.ts";
import { describeReport } from "./describe-report.ts";
import { runCampaign } from "./run-campaign.ts";
import { showProgress } from "./show-progress.ts";

const mostSeeds = 2 ** 31;

interface Flags {
  readonly kills: number;
  readonly seed?: number;
  readonly backend: Backend;
  readonly connections: number;
  readonly keepLogs: boolean;
  readonly json: boolean;
}

/** `crash`; exit code 1 when a promise was broken, 2 for a mistake in the arguments. */
export function crashCommand(): Command {
  return new Command("crash")
    .description("Hurts a whole fleet, one fault after another, and then counts what became of every grant.")
    .option("--kills <n>", "faults to inject", whole, 100)
    .option("--seed <n>", "draws the same faults again (default: any)", seedNumber)
    .addOption(new Option("--backend <name>", "where the queues live").choices(["redis", "postgres"]).default("redis"))
    .option("--connections <n>", "connections of the fleet, at three kinds of provider", whole, 3_000)
    .option("--keep-logs", "keep the logs also when every promise was kept", false)
    .option("--json", "one line of JSON on standard output", false)
    .exitOverride((error) => {
      process.exit(error.exitCode === 0 ? 0 : 2);
    })
    .action(run);
}

async function run({ kills, seed = randomInt(mostSeeds), backend, connections, keepLogs, json }: Flags): Promise<void> {
  const progress = showProgress(process.stderr);
  progress.say(`${kills} faults, queues in ${backend}, seed ${seed}; logs in .evergrant/crash/${seed}`);
  let end = async () => {};
  stopOnSignal(() => end());
  const report = await runCampaign({
    kills,
    seed,
    backend,
    connections,
    onProgress: progress.update,
    onStart: (close) => {
      end = close;
    },
  }).finally(progress.end);
  process.stdout.write(`${json ? JSON.stringify(report) : describeReport(report)}\n`);
  if (report.ok && !keepLogs) await rm(logFolder(seed), { recursive: true, force: true });
  if (!report.ok) process.exitCode = 1;
}

function stopOnSignal(stop: () => Promise<void>): void {
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    process.once(signal, () => {
      process.exitCode = code;
      void stop().finally(() => process.exit());
    });
  }
}

function whole(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1) throw new InvalidArgumentError("It has to be a whole number from 1.");
  return value;
}

function seedNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value >= mostSeeds) {
    throw new InvalidArgumentError(`It has to be a whole number from 0 to ${mostSeeds - 1}.`);
  }
  return value;
}
