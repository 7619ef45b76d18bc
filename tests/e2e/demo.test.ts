import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "./process.ts";

const main = join(import.meta.dirname, "..", "..", "apps", "standalone", "dist", "main.js");
let stateDir: string;
beforeAll(() => {
  stateDir = mkdtempSync(join(tmpdir(), "evergrant-demo-"));
  // PostgreSQL runs as another user than root.
  chmodSync(stateDir, 0o755);
});
afterAll(() => rmSync(stateDir, { recursive: true }));

test("Ctrl-C stops the demo and leaves no process behind; a second start goes on, and loses nobody", async () => {
  const first = startDemo();
  await until("the demo runs", () => first.output.stderr.includes("connections are kept alive"), 60_000).catch(
    (error: unknown) => {
      throw new Error(`${String(error)}\n${first.output.stderr}`);
    },
  );
  expect(startedHere().length).toBeGreaterThan(5);
  first.child.kill("SIGINT");
  expect(await first.ended).toBe(0);
  expect(startedHere()).toEqual([]);

  const second = startDemo("--for", "8s", "--json");
  expect(await second.ended, second.output.stderr).toBe(0);
  const result = JSON.parse(second.output.stdout.trim().split("\n").at(-1) ?? "");
  expect(result).toMatchObject({ connections: 250, stale: 0, lost: 0, falseReauth: 0 });
  expect(startedHere()).toEqual([]);
});

test("a second demo in the same folder is refused in one line", async () => {
  const first = startDemo();
  await until("the first one holds the folder", () => first.output.stderr.includes("Starting PostgreSQL"));
  const second = startDemo();
  expect(await second.ended).toBe(2);
  expect(second.output.stderr.trim().split("\n")).toHaveLength(1);
  expect(second.output.stderr).toContain("Already running");
  first.child.kill("SIGTERM");
  expect(await first.ended).toBe(0);
  expect(startedHere()).toEqual([]);
});

function startDemo(...args: string[]) {
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, EVERGRANT_STATE_DIR: stateDir, EVERGRANT_METRICS_PORT: "0" };
  const child = spawn(process.execPath, [main, "demo", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  return { child, output, ended: once(child, "close").then(([code]) => code as number | null) };
}

/** Processes whose command line or environment names the state folder. */
function startedHere(): string[] {
  const { readdirSync, readFileSync } = process.getBuiltinModule("node:fs");
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      const about = readFileSync(`/proc/${pid}/cmdline`, "utf8") + readFileSync(`/proc/${pid}/environ`, "utf8");
      return about.includes(stateDir);
    } catch {
      return false;
    }
  });
}
