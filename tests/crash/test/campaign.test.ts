import { existsSync } from "node:fs";
import { join } from "node:path";
import { projectRoot, runNodeProcess } from "@evergrant/testkit";
import { expect, inject, test } from "vitest";
import type { CampaignReport } from "../src/campaign/report.ts";
import { catalogue } from "../src/faults/catalogue.ts";

const kills = 60;
const seed = 20_261_123;
/** Most of it is waiting: for leases to end, for servers to come back. */
const limitMs = 240_000;

const crash = (...args: string[]) =>
  runNodeProcess({
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
  const { code, stdout, stderr } = await crash(...args);
  expect(stdout, stderr).toMatch(/^\{.*\}\n$/);
  const report: CampaignReport = JSON.parse(stdout);
  process.stderr.write(
    `${report.faults} faults, ${report.refreshes} refreshes, ${report.lostUnavoidably} of ${report.exposed} exposed grants lost, ${report.lastedSeconds} s\n`,
  );
  expect(report, `${report.broken.join("; ")}: ${report.logs}`).toMatchObject({
    ok: true,
    faults: kills,
    lostByUs: 0,
    falseReauth: 0,
    overlaps: 0,
    spentPresented: 0,
    lostUnavoidably: report.exposed,
    endedByThemselves: [],
    seed,
    replay: `npm run crash -- --kills ${kills} --seed ${seed} --backend ${backend}`,
  });
  const kinds = catalogue.filter((fault) => (fault.backend ?? backend) === backend).map((fault) => fault.kind);
  expect(Object.keys(report.faultsByKind).sort()).toEqual(kinds.sort());
  expect(code).toBe(0);
  expect(existsSync(report.logs)).toBe(false);
});

test.each([
  [["--kills", "0"], /--kills.* whole number from 1/],
  [["--seed", "x"], /--seed.* whole number/],
  [["--backend", "mysql"], /--backend.* redis, postgres/],
  [["--kill", "5"], /unknown option '--kill'/],
])("a mistake in the arguments is told in one line: %s", async (args, said) => {
  const { code, stderr, stdout } = await crash(...args);
  expect(stderr.split("\n")[0]).toMatch(said);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
});
