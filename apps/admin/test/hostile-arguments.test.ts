import { exitCodes } from "@evergrant/runtime";
import { spellingsOf } from "@evergrant/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOperator, type Operator, runCommand } from "./operator.ts";

const SECRET = "q7Rt5zLpW2xVn8Km3JdyHb69cF";
const COMMANDS = [
  "app",
  "connection",
  "refresh",
  "status",
  "key",
  "breaker",
  "add",
  "list",
  "show",
  "import",
  "set-secret",
  "generate",
  "accept",
  "close",
  "migrate",
];
const OPTIONS = [
  "--json",
  "--app",
  "--state",
  "--stale",
  "--limit",
  "--cursor",
  "--provider",
  "--client-id",
  "--descriptor",
  "--max-per-second",
  "--environment",
  "--secret-file",
  "--client-secret",
  "--name",
  "--timeout",
  "--max-age",
  "--wait",
  "--events",
  "--retire-old",
  "--help",
  "--version",
  "--",
  "-",
  "-h",
];
const VALUES = [
  "xero",
  "active",
  "5",
  "0",
  "-1",
  "1e9",
  "9".repeat(30),
  "30s",
  "",
  " ",
  "__proto__",
  "constructor",
  "\u001b[2J",
  "line\nbreak",
  "../../etc/passwd",
  "é",
  "x".repeat(5_000),
  "main",
];
/** No process can be started with one in its arguments. */
const withoutNul = (text: string) => text.replaceAll("\u0000", "");
const word = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...COMMANDS) },
  { weight: 2, arbitrary: fc.constantFrom(...OPTIONS) },
  { weight: 2, arbitrary: fc.constantFrom(...VALUES) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...OPTIONS), fc.constantFrom(...VALUES))
      .map(([option, value]) => `${option}=${value}`),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 10 }).map(withoutNul) },
);
/** Mostly such as somebody might type. */
const commandLine = fc
  .tuple(
    fc.constantFrom(
      ["app", "add"],
      ["app", "list"],
      ["connection", "list"],
      ["connection", "show"],
      ["refresh"],
      ["status"],
      ["key", "generate"],
      [],
    ),
    fc.array(word, { maxLength: 4 }),
  )
  .map(([command, words]) => [...command, ...words])
  // It changes the database of the test itself.
  .filter((words) => !words.includes("migrate"));

describe("a command line of anything", () => {
  let operator: Operator;
  beforeAll(async () => {
    operator = await createOperator();
    await operator.run(["app", "add", "xero", "--provider", "xero", "--client-id", "c"], { input: "secret" });
  });
  afterAll(() => operator.close());

  test("ends with an answer or with one clear line, never as a bug", async () => {
    await fc.assert(
      fc.asyncProperty(commandLine, async (words) => {
        const { code, stderr, stdout } = await operator.run(words, { input: "a-secret" });
        expect(code, `${stderr}${stdout}`).not.toBe(exitCodes.unexpected);
        // Help that nobody asked for is an answer of many lines.
        if (code === exitCodes.usage && stdout === "" && !stderr.startsWith("Usage:")) {
          expect(stderr).toMatch(/^(?:evergrant: [^\p{Cc}]*\n)+$/u);
        }
      }),
      { numRuns: 250 },
    );
  });

  test("repeats no secret that somebody typed where none may be", async () => {
    const misplaced = fc
      .tuple(
        fc.constantFrom(
          ["app", "add", "a", "--provider", "xero", "--client-id", "c"],
          ["app", "set-secret", "xero"],
          ["refresh"],
          ["connection", "show"],
        ),
        fc.constantFrom(
          ["--client-secret", SECRET],
          ["--clientsecret", SECRET],
          ["--secret", SECRET],
          [`--secret=${SECRET}`],
          [`--client-secret=${SECRET}`],
          ["--key-ring", `main:${SECRET}`],
        ),
      )
      .map(([command, words]) => [...command, ...words]);
    await fc.assert(
      fc.asyncProperty(misplaced, async (words) => {
        const { code, stderr, stdout } = await operator.run(words, { input: "another-secret" });
        expect(code).toBe(exitCodes.usage);
        for (const spelling of spellingsOf(SECRET).values())
          expect(`${stdout}${stderr}`.includes(spelling), stderr).toBe(false);
      }),
      { numRuns: 40 },
    );
  });
});

test("makes a key of any name that a ring takes, and of no other", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string({ unit: "binary", maxLength: 40 }).map(withoutNul),
        fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/),
      ),
      async (name) => {
        const { code, stdout, stderr } = await runCommand(["key", "generate", `--name=${name}`], { env: {} });
        const isName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/.test(name);
        expect({ code, stdout, stderr }).toEqual(
          isName
            ? { code: 0, stderr: "", stdout: expect.stringMatching(/^[^:]+:[A-Za-z0-9+/]{43}=\n$/) }
            : { code: 2, stdout: "", stderr: expect.stringMatching(/^evergrant: [\x20-\x7e]+\n$/) },
        );
      },
    ),
    { numRuns: 200 },
  );
});
