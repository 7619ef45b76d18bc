import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { planOf } from "../src/plan/plan.ts";

const main = join(import.meta.dirname, "..", "dist", "main.js");

function simulate(...args: string[]) {
  return spawnSync(process.execPath, [main, ...args], { encoding: "utf8", timeout: 120_000 });
}

describe("the command", () => {
  test("runs every seed and says in one line of JSON what was simulated", () => {
    const { status, stdout } = simulate("--days", "3", "--connections", "60", "--seeds", "3", "--seed", "7", "--json");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, days: 3, connections: 60, seeds: [7, 8, 9], violations: [] });
  });

  test("tells the same in words", () => {
    const { status, stdout } = simulate("--days", "2", "--connections", "30", "--seeds", "1");
    expect(status).toBe(0);
    expect(stdout).toContain("1 seeds (1 to 1), each 30 connections for 2 days");
    expect(stdout).toContain("violations: none");
  });

  test("replays a plan and tells what happened to its first customer", () => {
    const plan = { ...planOf(1, { days: 2, connections: 100 }), customers: { from: 0, count: 1, of: 100 } };
    const { status, stdout } = simulate("--replay", JSON.stringify(plan));
    expect(status).toBe(0);
    expect(stdout).toContain("1 customer, 2 days");
    expect(stdout).toContain("nothing was violated");
  });

  test.each([["0"], ["1.5"], ["many"]])("refuses %s days with one clear line", (days) => {
    const { status, stderr } = simulate("--days", days);
    expect(status).not.toBe(0);
    expect(stderr).toContain("It has to be a whole number from 1.");
  });
});
