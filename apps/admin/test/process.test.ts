import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOperator, ndjson, type Operator } from "./operator.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const bin = join(root, "apps/admin/bin/evergrant.mjs");
const CANARY = "canary";
const LINES = 100_000;
const PATIENCE_MS = 240_000;

let operator: Operator;
beforeAll(async () => {
  // The command as it is shipped, never older than its source.
  await promisify(execFile)(join(root, "node_modules/.bin/tsc"), ["-b", join(root, "apps/admin")]);
  operator = await createOperator();
  await evergrant(["app", "add", "xero-prod", "--provider", "xero", "--client-id", "c"], { input: `${CANARY}-secret` });
}, PATIENCE_MS);
afterAll(() => operator.close());

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command as a process with this environment and no other. */
async function evergrant(
  args: readonly string[],
  {
    input = "",
    env = operator.env,
    node = [],
  }: { input?: string; env?: Record<string, string>; node?: readonly string[] } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [...node, bin, ...args], { env });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...output };
}

describe("the process", () => {
  test("ends with a code that says what happened", async () => {
    const good = { id: "a", app: "xero-prod", refreshToken: `${CANARY}-a` };
    const withBad = ndjson([good, "{oops"]);
    expect(await evergrant(["connection", "import", "-"], { input: ndjson([good]) })).toMatchObject({
      code: 0,
      stdout: "1 line: 1 imported.\n",
    });
    expect(await evergrant(["connection", "import", "-"], { input: withBad })).toEqual({
      code: 4,
      stdout: "2 lines: 1 unchanged, 1 rejected.\n",
      stderr: "line 2: not JSON; one object on each line is expected\n",
    });
    expect(await evergrant(["connection", "show", "missing"])).toMatchObject({ code: 2, stdout: "" });
    const away = { ...operator.env, DATABASE_URL: `postgresql://nobody:${CANARY}@127.0.0.1:1/none` };
    const failed = await evergrant(["status"], { env: away });
    expect(failed).toMatchObject({ code: 3, stdout: "" });
    expect(failed.stderr.trim().split("\n")).toHaveLength(1);
    expect(failed.stderr).not.toContain(CANARY);
  });

  test("makes a key with no configuration at all", async () => {
    expect(await evergrant(["key", "generate"], { env: {} })).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringMatching(/^main:/),
    });
  });

  test("ends when everything has been read, however slow its reader is", async () => {
    const count = 1_000;
    const lines = Array.from({ length: count }, (_, index) => ({
      id: `slowly-read-${index}`,
      app: "xero-prod",
      refreshToken: `${CANARY}-slowly-read-${index}`,
    }));
    const child = spawn(process.execPath, [bin, "connection", "import", "-", "--json"], { env: operator.env });
    const closed = once(child, "close");
    child.stdin.end(ndjson(lines));
    // Nothing is read until the command has done its work; without a listener Node would throw it away then.
    child.stdout.setEncoding("utf8").on("readable", () => {});
    await expect
      .poll(async () => (await evergrant(["connection", "show", `slowly-read-${count - 1}`])).code, {
        timeout: 20_000,
      })
      .toBe(0);
    let stdout = "";
    for await (const text of child.stdout) stdout += text;
    const [code] = await closed;
    expect({ code, lines: stdout.trim().split("\n").length }).toEqual({ code: 0, lines: count + 1 });
  });

  test("ends quietly when its reader has seen enough", async () => {
    const many = Array.from({ length: 1_000 }, (_, index) => ({
      id: `many-${index}`,
      app: "xero-prod",
      refreshToken: `${CANARY}-many-${index}`,
    }));
    await evergrant(["connection", "import", "-"], { input: ndjson(many) });
    const child = spawn(process.execPath, [bin, "connection", "list", "--limit", "1000"], { env: operator.env });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.stdout.destroy();
    const [code] = await once(child, "close");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  test("prints no token and no secret, whatever it is asked", async () => {
    const commands = [
      ["app", "list"],
      ["connection", "list", "--json"],
      ["connection", "show", "a"],
      ["refresh", "a"],
      ["status"],
    ];
    for (const args of commands) {
      const { stdout, stderr } = await evergrant(args);
      expect(stdout, args.join(" ")).not.toBe("");
      expect(stdout + stderr, args.join(" ")).not.toContain(CANARY);
    }
  });
});

test(`${LINES} lines are imported in 128 MB of memory`, { timeout: PATIENCE_MS }, async () => {
  const file = join(tmpdir(), `evergrant-${process.pid}.ndjson`);
  const out = await open(file, "w");
  for (let start = 0; start < LINES; start += 10_000) {
    const lines = Array.from({ length: 10_000 }, (_, index) => ({
      id: `c-${start + index}`,
      app: "xero-prod",
      refreshToken: `${CANARY}-${start + index}`.padEnd(800, "x"),
    }));
    await out.write(`${ndjson(lines)}\n`);
  }
  await out.close();
  const node = ["--max-old-space-size=128"];
  expect(await evergrant(["connection", "import", file], { node })).toEqual({
    code: 0,
    stdout: `${LINES} lines: ${LINES} imported.\n`,
    stderr: "",
  });
  await rm(file);
});
