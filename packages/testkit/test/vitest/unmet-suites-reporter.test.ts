import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const reporter = fileURLToPath(new URL("../../src/vitest/unmet-suites-reporter.ts", import.meta.url));
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "evergrant-test-reporter-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

test("a run without Redis ends with the suites that did not run and what would make them run", async () => {
  await writeFile(
    join(root, "queue.test.js"),
    `describe.runIf(false)("on Redis", () => { test("one", () => {}); test("two", () => {}); });
     test("runs anyway", () => {});`,
  );
  expect(closingLines(await runVitest({ redisUrl: null, promtool: true }))).toBe(
    [
      "Did NOT run (1):",
      "  queue.test.js > on Redis",
      "There was no Redis. Set REDIS_URL to a server that may be emptied, or put redis-server or valkey-server on PATH " +
        "(Debian: apt-get install redis-server), then run again.",
    ].join("\n"),
  );
});

test("a run in which every suite ran ends without such lines", async () => {
  await writeFile(join(root, "queue.test.js"), `describe.runIf(true)("on Redis", () => { test("one", () => {}); });`);
  expect(await runVitest({ redisUrl: "redis://127.0.0.1:6379", promtool: true })).not.toContain("Did NOT run");
});

function closingLines(output: string): string {
  return output.slice(output.indexOf("Did NOT run")).trim();
}

async function runVitest(provide: { redisUrl: string | null; promtool: boolean }): Promise<string> {
  const config = { test: { globals: true, reporters: ["default", reporter], provide } };
  await writeFile(join(root, "vitest.config.mjs"), `export default ${JSON.stringify(config)};`);
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [vitest, "run", "--root", root], (error, stdout, stderr) => {
      if (error) reject(new Error(`${stdout}\n${stderr}`, { cause: error }));
      else resolve(stdout);
    });
  });
}
