import { execFile } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type Stage, startStage } from "../../bench/src/stage/start-stage.ts";
import { compare } from "../../bench/src/throughput/compare.ts";
import type { Contender } from "../../bench/src/throughput/contender.ts";
import { evergrant } from "../../bench/src/throughput/evergrant.ts";
import { measure, type Run } from "../../bench/src/throughput/measure.ts";
import { plain } from "../../bench/src/throughput/plain.ts";

const main = join(import.meta.dirname, "../../bench/dist/main.js");
const small = { connections: 100, concurrency: 20, nodeArgs: [] };

describe.skipIf(inject("redisUrl") === null)("the audit of a benchmark's run", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage();
  });
  afterAll(() => stage?.stop());

  test("holds for Evergrant's real worker", async () => {
    expect(await measure(stage, evergrant, small)).toMatchObject({ refreshes: 80, faults: [] });
  });

  test("does not hold when a grant was rotated twice, and another one's new token was not stored", async () => {
    const { faults } = await measure(stage, careless(plain), small);
    expect(faults).toEqual([
      "grants rotated more than once: 1",
      "requests beyond one a grant: 1",
      "spent tokens presented: 1",
      "grants whose stored refresh token is not the newest: 1",
    ]);
  });

  test("is part of the command, which fails when the ratio is not reached", async () => {
    const args = ["--json", "--connections", "100", "--rounds", "1", "--concurrency", "20", "--min-ratio", "1000"];
    const { code, stdout } = await bench(["throughput", ...args]);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      ok: false,
      faults: [],
      servers: { fsync: "on", synchronousCommit: "on" },
      sides: { evergrant: { concurrency: 20 }, plain: { concurrency: 20 } },
    });
    expect(report.ratio).toBeGreaterThan(0);
    expect({ code, lines: stdout.trim().split("\n").length }).toEqual({ code: 1, lines: 1 });
  });
});

describe("the comparison of two sides", () => {
  const run = (contender: string, perSecond: number, faults: string[] = []): Run => ({
    contender,
    concurrency: 50,
    refreshes: 100,
    seconds: 1,
    perSecond,
    faults,
  });
  const rounds = [run("a", 900), run("b", 400), run("b", 300), run("a", 3_000), run("a", 1_000), run("b", 350)];

  test("is the ratio of the medians, so that one odd round decides nothing", () => {
    expect(compare(["a", "b"], { rounds, trials: [] }, 2)).toMatchObject({
      ok: true,
      ratio: 2.85,
      sides: { a: { median: 1_000, min: 900, max: 3_000 }, b: { median: 350 } },
    });
  });

  test.each([
    ["the ratio is too small", rounds, [], 2.86],
    ["a round's audit does not hold", [...rounds, run("b", 350, ["spent tokens presented: 1"])], [], 2],
    ["a trial's audit does not hold", rounds, [run("a", 1, ["spent tokens presented: 1"])], 2],
  ])("fails when %s", (_, all, trials, minRatio) => {
    expect(compare(["a", "b"], { rounds: all, trials }, minRatio).ok).toBe(false);
  });
});

test("a wrong option is told in one line", async () => {
  const { code, stderr } = await bench(["throughput", "--connections", "0"]);
  expect(code).toBe(1);
  expect(stderr.trim()).toMatch(/^error: option '--connections <n>'.* whole number from 1\.$/);
});

/** The same worker, after somebody else has spent the first grant's token; and the last grant's new one is lost. */
function careless(contender: Contender): Contender {
  return {
    name: contender.name,
    async prepare(ground) {
      const prepared = await contender.prepare(ground);
      const [first, last] = [ground.grants[0], ground.grants.at(-1)];
      if (first === undefined || last === undefined) throw new Error("There are no grants.");
      const answer = await fetch(ground.tokenUrl, {
        method: "POST",
        headers: { authorization: `Basic ${btoa(`${ground.clientId}:${ground.clientSecret}`)}` },
        body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: first.refreshToken }),
      });
      expect(answer.status).toBe(200);
      return {
        ...prepared,
        async readStored() {
          const stored = await prepared.readStored();
          return { ...stored, refreshTokens: { ...stored.refreshTokens, [last.id]: last.refreshToken } };
        },
      };
    },
  };
}

function bench(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}
