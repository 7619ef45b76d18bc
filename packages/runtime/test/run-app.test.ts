import { EventEmitter } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { ConfigurationError, exitCodes, runApp, UserError } from "../src/index.ts";

const CANARY = "s3cr3t-canary";

const failing = (error: Error) => async (): Promise<never> => {
  throw error;
};

async function run(options: Pick<Parameters<typeof runApp>[0], "main" | "explain">) {
  let stderr = "";
  const exit = vi.fn();
  const faults = new EventEmitter();
  const write = (text: string) => {
    stderr += text;
  };
  await runApp({ name: "evergrant", stderr: { write }, exit, faults, ...options });
  return { stderr: () => stderr, exit: exit.mock.calls, faults };
}

describe("a process", () => {
  it("that fails with a mistake of its user says it in one line, without a stack", async () => {
    const { stderr, exit } = await run({ main: failing(new UserError("no such app: xero-prd")) });
    expect(stderr()).toBe("evergrant: no such app: xero-prd\n");
    expect(exit).toEqual([[2]]);
  });

  it("that is configured wrongly says each fault on a line of its own", async () => {
    const { stderr, exit } = await run({
      main: failing(new ConfigurationError(["DATABASE_URL is missing", "REDIS_URI is not read"])),
    });
    expect(stderr()).toBe("evergrant: DATABASE_URL is missing\nevergrant: REDIS_URI is not read\n");
    expect(exit).toEqual([[2]]);
  });

  it("whose dependency is away ends with the code that says so", async () => {
    const { stderr, exit } = await run({
      main: failing(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" })),
      explain: (error) =>
        new UserError(`PostgreSQL at postgres://u:${CANARY}@db does not answer; is it running?`, {
          exitCode: exitCodes.dependencyAway,
          cause: error,
        }),
    });
    expect(stderr()).toBe("evergrant: PostgreSQL at postgres://u:[redacted]@db does not answer; is it running?\n");
    expect(exit).toEqual([[3]]);
  });

  it("that fails with anything else logs it as fatal, scrubbed, and ends with 1", async () => {
    const error = Object.assign(new TypeError(`redis://:${CANARY}@h`), { parameters: [CANARY] });
    const { stderr, exit } = await run({ main: failing(error), explain: () => undefined });
    expect(JSON.parse(stderr())).toMatchObject({ level: "fatal", app: "evergrant", err: { name: "TypeError" } });
    expect(stderr()).not.toContain(CANARY);
    expect(exit).toEqual([[1]]);
  });

  it("is told in lines that steer no terminal, whatever of the user's own words they repeat", async () => {
    const { stderr } = await run({
      main: async () => {
        throw new UserError("there is no \u001b[2J\u0007 here\nnor \r there");
      },
    });
    expect(stderr()).toBe("evergrant: there is no ?[2J? here\nevergrant: nor ? there\n");
  });

  it("ends with the code of its main", async () => {
    const { stderr, exit } = await run({ main: async () => exitCodes.partialFailure });
    expect([stderr(), exit]).toEqual(["", [[4]]]);
  });

  it("goes on when its main has no code", async () => {
    expect((await run({ main: async () => {} })).exit).toEqual([]);
  });
});

describe("an error that nobody caught", () => {
  it("ends the process like one that main threw", async () => {
    const { stderr, exit, faults } = await run({ main: async () => {} });
    faults.emit("unhandledRejection", new UserError("the file is gone"));
    expect(stderr()).toBe("evergrant: the file is gone\n");
    expect(exit).toEqual([[2]]);
  });

  it("is left to whoever else listens: a lifecycle stops in order first", async () => {
    const { stderr, exit, faults } = await run({ main: async () => {} });
    faults.on("uncaughtException", () => {});
    faults.emit("uncaughtException", new Error("a bug"));
    expect([stderr(), exit]).toEqual(["", []]);
  });
});

it("the exit codes are what the documentation says", () => {
  expect(exitCodes).toEqual({ ok: 0, unexpected: 1, usage: 2, dependencyAway: 3, partialFailure: 4 });
});
