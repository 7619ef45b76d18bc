import { spellingsOf } from "@evergrant/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { importLines, type LineResult } from "../../src/import/import-lines.ts";
import { type InputLine, LONGEST_LINE_BYTES, readLines } from "../../src/import/read-lines.ts";
import { createOperator, type Operator } from "../operator.ts";

const token = fc.uint8Array({ minLength: 16, maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("base64url"));
const KNOWN = [
  "id",
  "app",
  "refreshToken",
  "accessToken",
  "accessTokenExpiresAt",
  "refreshTokenExpiresAt",
  "customer",
  "mode",
  "tenants",
];
const NAMES = [
  ...KNOWN,
  "refresh_token",
  "refreshtoken",
  "RefreshToken",
  "token",
  "__proto__",
  "constructor",
  "toString",
  "",
];

/** JSON text, so that names may come twice and values may be none. */
const valueText = (secret: string) =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .constantFrom(
          secret,
          `${secret}\n`,
          ` ${secret}`,
          `x:${secret}`,
          "a",
          "xero-prod",
          "fresh",
          "2026-11-21T10:00:00Z",
        )
        .map((text) => JSON.stringify(text)),
    },
    { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 20 }).map((text) => JSON.stringify(text)) },
    { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(`[{"id":${JSON.stringify(secret)}}]`, "[".repeat(3_000), "1e999", "undefined", "{"),
    },
  );

interface WrittenLine {
  readonly secret: string;
  readonly bytes: Buffer;
}

const objectLine: fc.Arbitrary<WrittenLine> = token.chain((secret) =>
  fc
    .tuple(
      fc.constantFrom(
        '"id":"one","app":"xero-prod","refreshToken":"the-usual-token-of-one"',
        `"id":"two","app":"xero-prod","refreshToken":"${secret}"`,
        "",
      ),
      fc.array(fc.tuple(fc.constantFrom(...NAMES, secret), valueText(secret)), { maxLength: 4 }),
    )
    .map(([usual, fields]) => {
      const parts = [usual, ...fields.map(([name, text]) => `${JSON.stringify(name)}:${text}`)].filter(
        (part) => part !== "",
      );
      return { secret, bytes: Buffer.from(`{${parts.join(",")}}`) };
    }),
);
const junkLine: fc.Arbitrary<WrittenLine> = token.chain((secret) =>
  fc
    .oneof(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
      fc
        .constantFrom(
          "",
          "   ",
          "\ufeff",
          "[",
          "null",
          secret,
          `"${secret}"`,
          `{"id":"${secret}"`,
          `${secret},${secret}`,
        )
        .map((text) => Buffer.from(text)),
      fc.constantFrom(
        Buffer.from(`{"id":"${secret}"`, "utf16le"),
        Buffer.from(`x${secret}`.repeat(LONGEST_LINE_BYTES / 20)),
      ),
    )
    .map((bytes) => ({ secret, bytes })),
);
const file = fc
  .tuple(
    fc.array(fc.oneof({ weight: 4, arbitrary: objectLine }, { weight: 1, arbitrary: junkLine }), { maxLength: 12 }),
    fc.constantFrom("\n", "\r\n", "\n\n", "\r"),
    fc.constantFrom("", "\ufeff"),
    fc.boolean(),
  )
  .map(([lines, newline, mark, endsWithNewline]) => ({
    secrets: lines.filter((line) => !isMereName(line)).map(({ secret }) => secret),
    bytes: Buffer.concat([
      Buffer.from(mark),
      ...lines.flatMap(({ bytes }, index) => [
        bytes,
        Buffer.from(index < lines.length - 1 || endsWithNewline ? newline : ""),
      ]),
    ]),
  }));

/** A random text that is given as a name, and not as a token, is a name. */
function isMereName({ secret, bytes }: WrittenLine): boolean {
  const [, id = ""] = /"id":"((?!.*"id":)[^"]*)"/.exec(bytes.toString()) ?? [];
  return id.includes(secret) && !bytes.includes(`Token":"${secret}"`);
}

/** fast-check prints the seed and the smallest file of a failure. */
const RUNS = { numRuns: 500 };

describe("a file of anything", () => {
  test("is the same lines however its bytes come in", async () => {
    const cut = fc.tuple(file, fc.integer({ min: 1, max: 100 }));
    await fc.assert(
      fc.asyncProperty(cut, async ([{ bytes }, size]) => {
        expect(await read(chunks(bytes, Math.max(size, bytes.length / 500)))).toEqual(
          await read(chunks(bytes, Number.MAX_SAFE_INTEGER)),
        );
      }),
      { numRuns: 150 },
    );
  });

  test("ends in one result for each line that is not blank, and no reason repeats a token", async () => {
    await fc.assert(
      fc.asyncProperty(file, async ({ bytes, secrets }) => {
        const { results, stored } = await importAll(bytes);
        const numbers = results.map(({ line }) => line);
        expect(numbers).toEqual([...new Set(numbers)].toSorted((one, other) => one - other));
        expect(numbers).toEqual((await read(chunks(bytes, 1_000))).map(({ number }) => number));
        expect(stored).toBe(results.filter(({ result }) => result === "imported").length);
        for (const result of results) {
          if (result.result !== "rejected") continue;
          expect(result.reason).toMatch(/^[\x20-\x7e…]{1,300}$/);
          for (const secret of secrets) expect(isTold(result.reason, secret), result.reason).toBe(false);
        }
      }),
      RUNS,
    );
  });

  test("brings in nothing but what stands in its lines, with every token in the field of a token", async () => {
    await fc.assert(
      fc.asyncProperty(objectLine, async ({ bytes, secret }) => {
        await importAll(bytes, (connection) => {
          const { refreshToken, accessToken, ...rest } = connection;
          const said = JSON.parse(bytes.toString());
          expect(connection).toMatchObject({ id: said.id, appId: said.app, refreshToken: said.refreshToken });
          for (const held of [refreshToken, accessToken]) {
            if (held !== null && held.length >= 16) expect(JSON.stringify(rest)).not.toContain(held);
          }
          if (refreshToken === secret) expect(JSON.stringify(rest)).not.toContain(secret);
        });
        expect(({} as Record<string, unknown>).id).toBeUndefined();
      }),
      RUNS,
    );
  });
});

describe("the operator's command, given a file of anything", () => {
  let operator: Operator;
  beforeAll(async () => {
    operator = await createOperator();
    await operator.run(["app", "add", "xero-prod", "--provider", "xero", "--client-id", "c"], { input: "secret" });
  });
  afterAll(() => operator.close());

  test("prints no token, ends with 0 or 4, and stores only what opens", async () => {
    // Whatever chance brings, one file is good, so the tokens of its rows are looked at.
    const good = Buffer.from('{"id":"good","app":"xero-prod","refreshToken":"the-usual-token-of-good"}\n');
    let imported = 0;
    await fc.assert(
      fc.asyncProperty(file, fc.boolean(), async ({ bytes, secrets }, asJson) => {
        await operator.store.prisma.connection.deleteMany();
        const args = ["connection", "import", "-", "--replace", ...(asJson ? ["--json"] : [])];
        const { code, stdout, stderr } = await operator.run(args, { input: bytes });
        expect([0, 4]).toContain(code);
        for (const secret of secrets) expect(isTold(`${stdout}${stderr}`, secret), stdout + stderr).toBe(false);
        const rows = await operator.store.prisma.tokenSet.findMany();
        imported += rows.length;
        for (const { connectionId, generation, refreshToken } of rows) {
          const opened = operator.vault.openToken({ connectionId, field: "refreshToken", generation }, refreshToken);
          expect(bytes.includes(JSON.stringify(opened).slice(1, -1))).toBe(true);
        }
      }),
      { numRuns: 25, examples: [[{ secrets: ["the-usual-token-of-good"], bytes: good }, false]] },
    );
    expect(imported).toBeGreaterThan(0);
  });
});

type Stored = Parameters<Parameters<typeof importLines>[1]>[0][number];

async function importAll(bytes: Buffer, look: (connection: Stored) => void = () => {}) {
  const results: LineResult[] = [];
  let stored = 0;
  const store: Parameters<typeof importLines>[1] = async (batch) => {
    stored += batch.length;
    for (const connection of batch) look(connection);
    return batch.map(({ id }) => ({ id, result: "imported" }));
  };
  for await (const part of importLines(readLines(chunks(bytes, 4_096)), store)) results.push(...part);
  return { results, stored };
}

async function read(input: AsyncIterable<Uint8Array>): Promise<InputLine[]> {
  const lines: InputLine[] = [];
  for await (const line of readLines(input)) lines.push(line);
  return lines;
}

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const step = Math.ceil(size);
  for (let start = 0; start < bytes.length; start += step) yield bytes.subarray(start, start + step);
}

function isTold(text: string, secret: string): boolean {
  const folded = text.toLowerCase();
  return [...spellingsOf(secret).values()].some((spelling) => folded.includes(spelling.toLowerCase()));
}
