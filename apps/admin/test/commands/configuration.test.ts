import { generateKey } from "@evergrant/store/secrets";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, createOperator, ndjson, type Operator, runCommand } from "../operator.ts";

const AWAY = { DATABASE_URL: "postgresql://nobody:canary@127.0.0.1:1/none" };

let operator: Operator;
beforeAll(async () => {
  operator = await createOperator();
  await operator.run(["app", "add", "xero-prod", "--provider", "xero", "--client-id", "c"], { input: "s" });
});
afterAll(() => operator.close());

const line = ndjson([{ id: "a", app: "xero-prod", refreshToken: "canary-a" }]);
const importOne = (env: Record<string, string | undefined>) =>
  operator.run(["connection", "import", "-"], { input: line, env });

function expectOneLine(answer: Answer, code: number, part: string): void {
  expect(answer).toMatchObject({ code, stdout: "" });
  expect(answer.stderr).toContain(part);
  expect(answer.stderr.trim().split("\n")).toHaveLength(1);
  expect(answer.stderr).not.toContain("canary");
}

describe("one line says what is wrong with the configuration:", () => {
  test("no key ring", async () => {
    expectOneLine(await importOne({ EVERGRANT_KEY_RING: undefined }), 2, "no key ring: set EVERGRANT_KEY_RING");
    const missing = { EVERGRANT_KEY_RING: undefined, EVERGRANT_KEY_RING_FILE: "/does/not/exist" };
    expectOneLine(await importOne(missing), 2, "cannot read the key ring /does/not/exist");
  });

  test("a key of the wrong length", async () => {
    const short = `main:${Buffer.alloc(16, "canary").toString("base64")}`;
    expectOneLine(
      await importOne({ EVERGRANT_KEY_RING: short }),
      2,
      'Key "main" of the key ring has 16 bytes; it needs 32.',
    );
  });

  test("another key than the one of the stored rows, under its name or without it", async () => {
    expectOneLine(await importOne({ EVERGRANT_KEY_RING: generateKey() }), 2, "is not the key of that name");
    expectOneLine(await importOne({ EVERGRANT_KEY_RING: generateKey("other") }), 2, "which the key ring lacks");
    expect(await operator.store.prisma.connection.count()).toBe(0);
  });

  test("a variable whose name is close to a known one", async () => {
    expectOneLine(
      await importOne({ EVERGRANT_KEYRING: "canary" }),
      2,
      "EVERGRANT_KEYRING is not known; did you mean EVERGRANT_KEY_RING?",
    );
  });

  test("no address of a database", async () => {
    expectOneLine(await importOne({ DATABASE_URL: undefined }), 2, "DATABASE_URL is missing");
  });

  test("a database that does not answer", async () => {
    const commands = [
      ["app", "list"],
      ["connection", "list"],
      ["connection", "show", "a"],
      ["refresh", "a"],
      ["status"],
      ["migrate"],
    ];
    for (const args of commands)
      expectOneLine(await operator.run(args, { env: AWAY }), 3, "the database is away: no PostgreSQL answers");
  });

  test("a database that refuses its user", async () => {
    const env = { DATABASE_URL: operator.databaseUrl.replace(/:\/\/[^@]+@/, "://evergrant:canary@") };
    expectOneLine(await operator.run(["app", "list"], { env }), 2, "refuses the user or the password in DATABASE_URL");
  });

  test("a database that does not exist", async () => {
    const env = { DATABASE_URL: operator.databaseUrl.replace(/\/[^/]+$/, "/no_such_database") };
    expectOneLine(await operator.run(["app", "list"], { env }), 2, "does not exist; create it with: evergrant migrate");
  });
});

test("a database that is not up to date is told by every command, and brought up to date by migrate", async () => {
  const fresh = await createOperator({ migrated: false });
  const commands = [
    ["app", "list"],
    ["connection", "list"],
    ["connection", "show", "a"],
    ["connection", "import", "-"],
    ["refresh", "a"],
    ["status"],
  ];
  for (const args of commands) {
    expectOneLine(
      await fresh.run(args, { input: line }),
      2,
      "evergrant: the database is not up to date; run: evergrant migrate",
    );
  }
  const migrated = await fresh.run(["migrate"]);
  expect(migrated).toMatchObject({ code: 0, stderr: "" });
  expect(migrated.stdout).toContain("the database is up to date.");
  expect(await fresh.run(["migrate"])).toMatchObject({ code: 0, stdout: "The database is up to date.\n" });
  expect(await fresh.run(["migrate", "--json"])).toMatchObject({ json: [{ applied: [] }] });
  expect(await fresh.run(["app", "list"])).toMatchObject({ code: 0 });
  await fresh.close();
});

test("what only reads, migrates or refreshes needs no key", async () => {
  const env = { EVERGRANT_KEY_RING: undefined };
  const commands = [["migrate"], ["app", "list"], ["connection", "list"], ["status"]];
  for (const args of commands)
    expect(await operator.run(args, { env }), args.join(" ")).toMatchObject({ code: 0, stderr: "" });
  expect((await operator.run(["refresh", "missing"], { env })).stdout).toContain("there is no such connection");
});

describe("key generate", () => {
  test("needs neither database nor configuration, and makes an entry that a key ring takes", async () => {
    const answer = await runCommand(["key", "generate"], {});
    expect(answer).toMatchObject({ code: 0, stderr: "" });
    expect(answer.stdout).toMatch(/^main:[A-Za-z0-9+/]{43}=\n$/);
    const fresh = await createOperator();
    await fresh.store.prisma.dataKey.deleteMany();
    const env = { EVERGRANT_KEY_RING: answer.stdout.trim() };
    const added = await fresh.run(["app", "add", "x", "--provider", "xero", "--client-id", "c"], { env, input: "s" });
    await fresh.close();
    expect(added).toMatchObject({ code: 0 });
  });

  test("makes another key each time, under the name given", async () => {
    const [one, two] = await Promise.all(
      [1, 2].map(() => runCommand(["key", "generate", "--name", "k2", "--json"], {})),
    );
    expect(one?.json).toEqual([{ name: "k2", entry: expect.stringMatching(/^k2:/) }]);
    expect(one?.stdout).not.toBe(two?.stdout);
    expectOneLine(await runCommand(["key", "generate", "--name", "a b"], {}), 2, "needs a name of at most 32 letters");
  });
});

describe("a command line that cannot be understood", () => {
  test("is answered with one line and what was meant", async () => {
    const lines: [string[], string][] = [
      [["refesh"], "Did you mean refresh?"],
      [["connection", "lst"], "Did you mean list?"],
      [["connection", "list", "--limt", "3"], "Did you mean --limit?"],
      [["connection", "list", "--limit", "0"], "It must be a whole number from 1 to 1000."],
      [["app", "add", "x"], "required option '--client-id <id>' not specified"],
      [["connection", "show"], "missing required argument 'id'"],
    ];
    for (const [args, part] of lines) {
      const answer = await runCommand(args, {});
      expect(answer, args.join(" ")).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(part) });
      expect(answer.stderr, args.join(" ")).toMatch(/^evergrant: .*\n$/);
    }
  });

  test("without a command shows the commands there are", async () => {
    expect(await runCommand([], {})).toMatchObject({ code: 2, stderr: expect.stringContaining("Usage: evergrant") });
    expect(await runCommand(["connection"], {})).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("import [options] <file>"),
    });
  });

  test("help and version are no mistakes", async () => {
    expect(await runCommand(["--help"], {})).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("refresh [options] [id...]"),
    });
    const help = await runCommand(["connection", "import", "--help"], {});
    expect(help).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('{"id":"acme-xero","app":"xero-prod","refreshToken":"…"}'),
    });
    expect(await runCommand(["--version"], {})).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
});
