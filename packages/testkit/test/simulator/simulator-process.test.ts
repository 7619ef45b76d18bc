import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { SimulatorClient } from "../../src/simulator/index.ts";
import { basic, post, until } from "./harness.ts";

const bin = fileURLToPath(new URL("../../bin/evergrant-simulator.mjs", import.meta.url));

function run(...flags: string[]): ChildProcessByStdio<null, Readable, Readable> {
  const child = spawn(process.execPath, [bin, ...flags], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

/** Starts the simulator as a process and waits for its line. */
async function start(...flags: string[]) {
  const child = run("--json", ...flags);
  const exited = once(child, "exit");
  const [line] = await once(createInterface(child.stdout), "line");
  const { url, tokenUrls } = JSON.parse(String(line));
  async function stop(signal: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<unknown[]> {
    child.kill(signal);
    return exited;
  }
  return { url, strictUrl: String(tokenUrls.strict), control: new SimulatorClient(url), stop };
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "evergrant-simulator-"));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

async function mintStrict(control: SimulatorClient) {
  await control.register({ id: "app", kind: "strict", secrets: ["s3cret"] });
  const [grant] = await control.mint({ clientId: "app" });
  if (!grant) throw new Error("nothing was minted");
  return grant;
}

function refresh(url: string, refreshToken: string) {
  return post(url, { grant_type: "refresh_token", refresh_token: refreshToken }, basic("app", "s3cret"));
}

describe("the simulator as a process", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("ends cleanly at %s, with a request still held", async (signal) => {
    const { control, strictUrl, stop } = await start();
    const { refreshToken } = await mintStrict(control);
    const hold = await control.hold({}, "received");
    const lost = expect(refresh(strictUrl, refreshToken)).rejects.toThrow();
    await control.awaitHeld(hold);
    expect(await stop(signal)).toEqual([0, null]);
    await lost;
  });

  test("knows every token, client and count again after a stop and a start", async () => {
    const stateFile = join(await folder(), "not-there-yet", "state.json");
    const before = await start("--state-file", stateFile);
    const { id, refreshToken } = await mintStrict(before.control);
    const { json } = await refresh(before.strictUrl, refreshToken);
    const audit = await before.control.audit();
    await before.stop("SIGTERM");

    const after = await start("--state-file", stateFile);
    expect({ ...(await after.control.audit()), now: audit.now }).toEqual(audit);
    const { tokens, grants } = await after.control.check({
      grants: { [id]: json.refresh_token },
      tokens: [refreshToken],
    });
    expect([grants[id]?.verdict, tokens[0]?.verdict]).toEqual(["current", "spent"]);
    expect((await refresh(after.strictUrl, json.refresh_token)).status).toBe(200);
    expect((await refresh(after.strictUrl, refreshToken)).status).toBe(400);
    expect((await after.control.audit()).ended.reuse).toBe(1);
    expect(await readdir(join(stateFile, ".."))).toEqual(["state.json"]);
  });

  test("killed without warning, it still accepts a token that it issued after its last save", async () => {
    const stateFile = join(await folder(), "state.json");
    const before = await start("--state-file", stateFile);
    const { refreshToken } = await mintStrict(before.control);
    await until(async () => (await readFile(stateFile, "utf8").catch(() => "")).includes("strict-1"));
    const lastSave = await readFile(stateFile, "utf8");
    const first = await refresh(before.strictUrl, refreshToken);
    const second = await refresh(before.strictUrl, first.json.refresh_token);
    await before.stop("SIGKILL");
    await writeFile(stateFile, lastSave);

    const after = await start("--state-file", stateFile);
    expect((await refresh(after.strictUrl, second.json.refresh_token)).status).toBe(200);
    expect((await after.control.check({ tokens: [refreshToken] })).tokens[0]?.verdict).toBe("spent");
  });

  test("begins every token with the mark that it is given, and knows them by it", async () => {
    const { control, strictUrl } = await start("--token-mark", "found-me-");
    const { refreshToken } = await mintStrict(control);
    const { json } = await refresh(strictUrl, refreshToken);
    const tokens = [refreshToken, json.refresh_token, json.access_token];
    expect(tokens.every((token) => token.startsWith("found-me-"))).toBe(true);
    const unmarked = json.refresh_token.slice("found-me-".length);
    const check = await control.check({ tokens: [refreshToken, json.refresh_token, unmarked] });
    expect(check.tokens.map(({ verdict }) => verdict)).toEqual(["spent", "current", "unknown"]);
  });

  test("takes a scale, rules and a port", async () => {
    const first = await start("--scale", "60", "--rules", '{"strict":{"graceMs":5000}}');
    expect(await first.control.rules()).toMatchObject({
      xero: { accessTokenTtlMs: 30_000 },
      strict: { graceMs: 5_000, accessTokenTtlMs: 60_000 },
    });
    const { port } = new URL(first.url);
    await first.stop("SIGTERM");
    const again = await start("--port", port);
    expect(new URL(again.url).port).toBe(port);
  });

  test.each([
    [["--port", "many"], "evergrant-simulator: --port many is not a fitting number\n"],
    [["--scale", "0"], "evergrant-simulator: --scale 0 is not a fitting number\n"],
    [["--rules", "{"], "evergrant-simulator: --rules is not JSON\n"],
    [["--rules", '{"xero":{"grace":1}}'], 'evergrant-simulator: xero: Unrecognized key: "grace"\n'],
  ])("%j is refused in one line with exit code 1", async (flags, message) => {
    const child = run(...flags);
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    expect([code, said]).toEqual([1, message]);
  });

  test("a file that is no saved state is refused, and left as it was", async () => {
    const stateFile = join(await folder(), "state.json");
    await writeFile(stateFile, "half a");
    const child = run("--state-file", stateFile);
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    expect([code, said]).toEqual([
      1,
      `evergrant-simulator: ${stateFile} is not a saved simulator state: move it away to start afresh\n`,
    ]);
    expect(await readFile(stateFile, "utf8")).toBe("half a");
  });
});
