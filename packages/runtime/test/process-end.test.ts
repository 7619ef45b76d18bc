import { afterEach, beforeAll, expect, it } from "vitest";
import { buildRuntime, type Child, startChild } from "./child-process.ts";

let child: Child;

beforeAll(buildRuntime);

afterEach(async () => {
  child.kill("SIGKILL");
  await child.exit;
});

it("a process told to stop finishes what it began, whatever else it is sent, and ends with 0", async () => {
  child = startChild();
  await child.seen("started");
  child.kill("SIGTERM");
  await child.seen("stopping");
  child.kill("SIGTERM");
  child.kill("SIGINT");
  await child.ping();
  expect(child.output()).not.toContain("stopped");
  child.send("finish");
  expect(await child.exit).toEqual({ code: 0, signal: null });
  expect(child.output()).toMatch(/slow stopped.*early stopped.*"msg":"stopped"/s);
});

it.each(["throw", "reject"])(
  "a process that meets an error nobody caught (%s) logs it, stops in order, ends with 1",
  async (order) => {
    child = startChild();
    await child.seen("started");
    child.send(order);
    await child.seen("stopping");
    child.send("finish");
    expect(await child.exit).toEqual({ code: 1, signal: null });
    expect(child.output()).toMatch(/"level":"fatal".*slow stopped.*early stopped/s);
    expect(child.output()).not.toContain("s3cr3t-canary");
  },
);

it("a process that cannot stop after such an error ends all the same, and says what it waited for", async () => {
  child = startChild("100");
  await child.seen("started");
  child.send("throw");
  expect(await child.exit).toEqual({ code: 1, signal: null });
  expect(child.output()).toMatch(/"waitingFor":"slow".*gave up waiting/);
});

it.each(["throw", "reject"])(
  "a command without a lifecycle does not print such an error raw either (%s)",
  async (order) => {
    child = startChild("0", "no");
    await child.seen("started");
    child.send(order);
    expect(await child.exit).toEqual({ code: 1, signal: null });
    expect(child.output()).toContain("ended by an unexpected error");
    expect(child.output()).toContain("postgres://u:[redacted]@db is gone");
    expect(child.output()).not.toContain("s3cr3t-canary");
  },
);

it("a command ends with the code that its main resolves with, though something is still open", async () => {
  child = startChild("0", "returns");
  expect(await child.exit).toEqual({ code: 4, signal: null });
});
