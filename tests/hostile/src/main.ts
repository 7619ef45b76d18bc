import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "@evergrant/store";
import { databaseUrl, startEmbeddedPostgres } from "@evergrant/testkit";
import { Command, InvalidArgumentError } from "commander";
import { describeReport } from "./describe-report.ts";
import { runFuzz } from "./run-fuzz.ts";

const LARGEST_SEED = 2 ** 31 - 1;
const HTTP_SHARE = 50;
const PROGRESS_EVERY = 100_000;

interface Flags {
  readonly answers: number;
  readonly http?: number;
  readonly settleEvery: number;
  readonly seed?: number;
  readonly json: boolean;
}

await new Command("fuzz")
  .description("Gives Evergrant hostile token answers, and shows the smallest one that breaks a rule.")
  .option("--answers <n>", "answers to judge", whole, 100_000)
  .option("--http <n>", "answers to fetch over real HTTP; a fiftieth of the others unless told", whole)
  .option("--settle-every <n>", "settle one of so many on a row of a real database", whole, 1_000)
  .option("--seed <n>", "what to generate from; a random one unless told", whole)
  .option("--json", "one line of JSON on standard output", false)
  .action(run)
  .parseAsync();

async function run({ answers, settleEvery, json, ...flags }: Flags): Promise<void> {
  const seed = flags.seed ?? randomInt(LARGEST_SEED);
  say(`seed ${seed}; starting PostgreSQL`);
  const folder = await mkdtemp(join(tmpdir(), "evergrant-fuzz-"));
  const postgres = await startEmbeddedPostgres({ dataDir: folder, durable: false });
  try {
    const url = databaseUrl(postgres.url, "fuzz");
    await migrate({ databaseUrl: url });
    const overHttp = flags.http ?? Math.ceil(answers / HTTP_SHARE);
    const report = await runFuzz({ answers, overHttp, settleEvery, seed, databaseUrl: url, onProgress: tell });
    process.stdout.write(`${json ? JSON.stringify(report) : describeReport(report)}\n`);
  } catch (error) {
    say(error instanceof Error ? `${error.message}\n${String(error.cause ?? "")}` : String(error));
    say("To see it again: npm run fuzz -- --answers 1000 --http 500 --seed <the seed above>");
    process.exitCode = 1;
  } finally {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function tell(what: string, done: number): void {
  if (done % PROGRESS_EVERY === 0) say(`${done} ${what}`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function whole(text: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= LARGEST_SEED)) throw new InvalidArgumentError(`It has to be a whole number up to ${LARGEST_SEED}.`);
  return value;
}
