import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createOperator, ndjson, type Operator, type RunOptions } from "../operator.ts";

const CANARY = "canary";
const inAnHour = new Date(Date.now() + 3_600_000).toISOString();

let operator: Operator;
let folder: string;
beforeAll(async () => {
  operator = await createOperator();
  folder = await mkdtemp(join(tmpdir(), "evergrant-import-"));
  await operator.run(["app", "add", "xero-prod", "--provider", "xero", "--client-id", "c"], { input: "secret" });
  await operator.run(["app", "add", "qbo-prod", "--provider", "quickbooks", "--client-id", "c"], { input: "secret" });
});
afterAll(async () => {
  await operator.close();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  await operator.store.prisma.connection.deleteMany();
});

const good = (id: string, fields: object = {}) => ({
  id,
  app: "xero-prod",
  refreshToken: `${CANARY}-refresh-${id}`,
  ...fields,
});

function importLines(lines: readonly (object | string)[], args: readonly string[] = [], options: RunOptions = {}) {
  return operator.run(["connection", "import", "-", ...args], { input: ndjson(lines), ...options });
}

describe("an import", () => {
  test("stores what the lines say and counts them", async () => {
    const acme = good("acme-xero", {
      accessToken: `${CANARY}-access`,
      accessTokenExpiresAt: inAnHour,
      customer: "acme",
      mode: "keepalive",
      tenants: [{ id: "t1", name: "Acme Ltd" }],
    });
    const answer = await importLines([acme, { ...good("acme-qbo"), app: "qbo-prod" }]);
    expect(answer).toMatchObject({ code: 0, stdout: "2 lines: 2 imported.\n", stderr: "" });

    const [shown] = (await operator.run(["connection", "show", "acme-xero", "--json"])).json;
    expect(shown).toMatchObject({
      customer: "acme",
      mode: "keepalive",
      state: "active",
      generation: 1,
      accessTokenExpiresAt: inAnHour,
      tenants: [{ id: "t1", name: "Acme Ltd" }],
    });
    const sealed = await operator.store.prisma.tokenSet.findUniqueOrThrow({ where: { connectionId: "acme-xero" } });
    const place = { connectionId: "acme-xero", field: "refreshToken", generation: 1 } as const;
    expect(operator.vault.openToken(place, sealed.refreshToken)).toBe(`${CANARY}-refresh-acme-xero`);
  });

  test("reads a file as it reads stdin", async () => {
    const file = join(folder, "two.ndjson");
    await writeFile(file, ndjson([good("a"), good("b")]));
    expect(await operator.run(["connection", "import", file])).toMatchObject({
      code: 0,
      stdout: "2 lines: 2 imported.\n",
    });
  });

  test("that is repeated changes nothing", async () => {
    await importLines([good("a"), good("b")]);
    expect(await importLines([good("a"), good("b"), good("c")])).toMatchObject({
      code: 0,
      stdout: "3 lines: 1 imported, 2 unchanged.\n",
    });
  });

  test("of no lines says so", async () => {
    expect(await importLines([])).toMatchObject({ code: 0, stdout: "stdin holds no lines: nothing to import.\n" });
    expect(await importLines(["", "  "])).toMatchObject({
      code: 0,
      stdout: "stdin holds no lines: nothing to import.\n",
    });
    expect((await importLines([], ["--json"])).json).toEqual([
      { summary: { lines: 0, imported: 0, reconnected: 0, replaced: 0, unchanged: 0, rejected: 0 } },
    ]);
  });
});

describe("bad lines", () => {
  const taken = good("taken");
  const lines = [
    good("a"),
    "{oops",
    { id: "b", app: "xero-prod" },
    { ...good("c"), app: "nowhere" },
    good("d", { refreshToken: CANARY.padEnd(20 * 1024, "x") }),
    good("e", { refreshToken: `${CANARY}-refresh-a` }),
    good("f", { refreshToken: taken.refreshToken }),
    good("taken", { refreshToken: `${CANARY}-other` }),
    "",
    good("g"),
  ];
  const reasons: readonly (readonly [number, string | null, string])[] = [
    [2, null, "not JSON; one object on each line is expected"],
    [3, "b", "refreshToken is missing"],
    [4, "c", "unknown app; known are qbo-prod, xero-prod"],
    [5, "d", "refreshToken has 20480 bytes; at most 16384 are accepted"],
    [6, "e", 'this refresh token is already stored under connection "a"'],
    [7, "f", 'this refresh token is already stored under connection "taken"'],
    [8, "taken", "already active with another token; use --replace to overwrite it"],
  ];

  test("are each reported with number and reason, never with their content, and the good ones are imported", async () => {
    await importLines([taken]);
    const answer = await importLines(lines);
    expect(answer.code).toBe(4);
    expect(answer.stdout).toBe("9 lines: 2 imported, 7 rejected.\n");
    expect(answer.stderr).toBe(reasons.map(([line, , reason]) => `line ${line}: ${reason}\n`).join(""));
    expect(`${answer.stdout}${answer.stderr}`).not.toContain(CANARY);
    expect(await operator.store.prisma.connection.count()).toBe(3);
  });

  test("are told to programs line by line, the summary last", async () => {
    await importLines([taken]);
    const answer = await importLines(lines, ["--json"]);
    expect(answer).toMatchObject({ code: 4, stderr: "" });
    expect(answer.json).toEqual([
      { line: 1, id: "a", result: "imported" },
      ...reasons.map(([line, id, reason]) => ({ line, id, result: "rejected", reason })),
      { line: 10, id: "g", result: "imported" },
      { summary: { lines: 9, imported: 2, reconnected: 0, replaced: 0, unchanged: 0, rejected: 7 } },
    ]);
    expect(answer.stdout).not.toContain(CANARY);
  });

  test("are refused with --replace too, except for another token of an active connection", async () => {
    await importLines([taken]);
    const answer = await importLines(
      [good("taken", { refreshToken: `${CANARY}-other` }), { ...good("taken"), app: "qbo-prod" }],
      ["--replace"],
    );
    expect(answer).toMatchObject({ code: 4, stdout: "2 lines: 1 replaced, 1 rejected.\n" });
    expect(answer.stderr).toBe('line 2: this id belongs to a connection of app "xero-prod"\n');
  });

  test("before any app was added say how to add one", async () => {
    const other = await createOperator();
    const answer = await other.run(["connection", "import", "-"], { input: ndjson([good("a")]) });
    await other.close();
    expect(answer).toMatchObject({
      code: 4,
      stderr: "line 1: unknown app; there is none yet, add one with: evergrant app add\n",
    });
  });
});

test("a connection that needs re-authorization is active again with a new token", async () => {
  await importLines([good("a")]);
  await operator.store.prisma.connection.update({ where: { id: "a" }, data: { state: "needs_reauth", dueAt: null } });
  expect(await importLines([good("a", { refreshToken: `${CANARY}-new` })])).toMatchObject({
    code: 0,
    stdout: "1 line: 1 reconnected.\n",
  });
});

test("a file that cannot be read is named with the reason", async () => {
  expect(await operator.run(["connection", "import", join(folder, "missing")])).toMatchObject({
    code: 2,
    stderr: `evergrant: cannot read ${join(folder, "missing")} (there is no such file)\n`,
  });
  expect((await operator.run(["connection", "import", folder])).stderr).toBe(
    `evergrant: cannot read ${folder} (it is a folder)\n`,
  );
});

test("a database that goes away during an import ends it with what was stored, and the same file completes it", async () => {
  const lines = Array.from({ length: 2_500 }, (_, index) => good(`c-${index}`));
  const file = join(folder, "many.ndjson");
  await writeFile(file, ndjson(lines));
  // The second batch cannot be stored.
  await operator.store.prisma.$executeRaw`
    CREATE FUNCTION fail_second() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF new.id = 'c-1500' THEN RAISE EXCEPTION 'gone' USING ERRCODE = '57P01'; END IF; RETURN new; END $$`;
  await operator.store.prisma
    .$executeRaw`CREATE TRIGGER fail_second BEFORE INSERT ON connection FOR EACH ROW EXECUTE FUNCTION fail_second()`;
  const stopped = await operator.run(["connection", "import", file]);
  await operator.store.prisma.$executeRaw`DROP TRIGGER fail_second ON connection`;
  expect(stopped.code).toBe(3);
  expect(stopped.stderr).toContain(
    "stopped after 1000 lines: 1000 imported. Import the same file again: what is stored stays.",
  );
  expect(stopped.stderr).toContain("evergrant: the database is away");

  expect(await operator.run(["connection", "import", file])).toMatchObject({
    code: 0,
    stdout: "2500 lines: 1500 imported, 1000 unchanged.\n",
  });
});
