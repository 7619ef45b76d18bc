import { existsSync } from "node:fs";
import { join } from "node:path";
import { projectRoot, runNodeProcess, startNodeProcess } from "@evergrant/testkit";
import { expect, inject, onTestFinished, test } from "vitest";
import type { CampaignReport } from "../src/campaign/report.ts";
import { catalogue } from "../src/faults/catalogue.ts";

const kills = 60;
const seed = 20_261_123;
/** Two to three minutes where nothing else runs, most of them spent waiting: for leases to end, for servers to come back. */
const limitMs = 480_000;

const program = (args: readonly string[]) => ({
  name: "crash",
  file: join(projectRoot, "tests/crash/dist/main.js"),
  args,
  env: { PATH: process.env.PATH ?? "" },
});

test("a fleet that is hurt in every way there is loses no grant that anybody could have saved", {
  timeout: limitMs,
}, async () => {
  const backend = inject("redisUrl") === null ? "postgres" : "redis";
  const args = ["--kills", `${kills}`, "--seed", `${seed}`, "--connections", "900", "--backend", backend, "--json"];
  const campaign = startNodeProcess(program(args));
  // One that takes too long stops its fleet before it ends.
  onTestFinished(async () => void (await campaign.stop()));
  const [line] = await campaign.awaitLine(/^\{.*\}$/, limitMs);
  const report: CampaignReport = JSON.parse(line);
  process.stderr.write(
    `${report.faults} faults, ${report.refreshes} refreshes, ${report.lostUnavoidably} of ${report.exposed} exposed grants lost, ${report.lastedSeconds} s\n`,
  );
  const { broken, doubts, evidence } = report;
  expect(report, `${broken.join("; ")}\n${JSON.stringify({ doubts, evidence })}`).toMatchObject({
    ok: true,
    faults: kills,
    lostByUs: 0,
    falseReauth: 0,
    overlaps: 0,
    spentPresented: 0,
    secretsFound: 0,
    lostUnavoidably: report.exposed,
    endedByThemselves: [],
    seed,
    replay: `npm run crash -- --kills ${kills} --seed ${seed} --backend ${backend} --connections 900`,
  });
  const kinds = catalogue.filter((fault) => (fault.backend ?? backend) === backend).map((fault) => fault.kind);
  expect(Object.keys(report.faultsByKind).sort()).toEqual(kinds.sort());
  expect(report.searchedBytes).toBeGreaterThan(1_000_000);
  expect(await campaign.ended).toBe(0);
  expect(existsSync(report.logs)).toBe(false);
});

test.each([
  [["--kills", "0"], /--kills.* whole number from 1/],
  [["--seed", "x"], /--seed.* whole number/],
  [["--backend", "mysql"], /--backend.* redis, postgres/],
  [["--kill", "5"], /unknown option '--kill'/],
])("a mistake in the arguments is told in one line: %s", async (args, said) => {
  const { code, stderr, stdout } = await runNodeProcess(program(args));
  expect(stderr.split("\n")[0]).toMatch(said);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
});
