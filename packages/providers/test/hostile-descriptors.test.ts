import { decide, judge } from "@evergrant/core";
import { spellingsOf } from "@evergrant/testkit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DescriptorError, parseDescriptorFile } from "../src/index.ts";
import { buildTokenRequest } from "../src/token-request.ts";

/** fast-check prints the seed and the smallest file of a failure. */
const RUNS = { numRuns: 2_000 };

const FIELDS = [
  "provider",
  "tokenUrl",
  "clientAuthentication",
  "requestHeaders",
  "requestParameters",
  "fields",
  "requestIdHeader",
  "errorRules",
  "lifetimes",
  "graceMs",
  "schedule",
  "retry",
  "strikeGapMs",
  "breaker",
  "answerTimeoutMs",
];
const PARTS = [
  "accessToken",
  "refreshToken",
  "expiresIn",
  "error",
  "errorDescription",
  "status",
  "descriptionIncludes",
  "outcome",
  "accessTokenMs",
  "inactivityMs",
  "mode",
  "leadMs",
  "jitterMs",
  "keepaliveMs",
  "firstMs",
  "maxMs",
  "windowMs",
  "leastRejected",
  "rejectedShare",
  "acceptedShare",
  "acceptedForMs",
];
const ODD_NAMES = [
  "__proto__",
  "constructor",
  "toString",
  "",
  "tokenurl",
  "token_url",
  "line\nbreak",
  "\u001b[2J",
  "x".repeat(500),
  "authorization",
];
const VALUES = [
  "acme",
  "https://id.acme.example/token",
  "http://127.0.0.1/token",
  "https://u:p@h/",
  "ftp://h",
  "https://h/#f",
  "30m",
  "1.5h",
  "-1d",
  "60",
  "0ms",
  "9".repeat(40),
  "basic",
  "post",
  "none",
  "rotated",
  "rejected",
  "fresh",
  "x\r\ny: z",
  "\u0000",
  "__proto__",
  "é",
  "1e3s",
  "Infinity d",
  "NaN",
  " 5 s ",
];

const leaf = fc.oneof(
  fc.constantFrom<unknown>(...VALUES),
  fc.constantFrom<unknown>(null, true, 0, -1, 1, 60_000, 1e300, 1.5, 2 ** 53, [], {}),
  fc.string({ unit: "binary", maxLength: 20 }),
);
const name = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...PARTS) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD_NAMES) },
);
const part = fc.oneof(
  leaf,
  fc.dictionary(name, leaf, { maxKeys: 4 }),
  fc.array(fc.dictionary(name, leaf, { maxKeys: 4 }), { maxLength: 3 }),
);
const fieldName = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...FIELDS) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD_NAMES) },
);

const fileText = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.dictionary(fieldName, part, { maxKeys: 6 }).map((fields) => JSON.stringify({ ...USABLE, ...fields })),
  },
  { weight: 2, arbitrary: fc.dictionary(fieldName, part).map((fields) => JSON.stringify(fields)) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...FIELDS), fc.constantFrom("[".repeat(5_000), '{"__proto__":{"tokenUrl":"x"}}', "1e999"))
      .map(([field, text]) => `{"provider":"acme","${field}":${text}}`),
  },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  { weight: 1, arbitrary: fc.constantFrom("", "\ufeff", "{", "[]", "null", '"acme"', "\ufeff{\n\n x") },
);
const USABLE = { provider: "acme", tokenUrl: "https://id.acme.example/token" };

describe("a descriptor file of anything", () => {
  test("is one line that says what to mend, or a descriptor", () => {
    let usable = 0;
    fc.assert(
      fc.property(fileText, (text) => {
        const read = attempt(text);
        if (!(read instanceof Error)) {
          usable += 1;
          return;
        }
        expect(read).toBeInstanceOf(DescriptorError);
        expect(read.message).toMatch(/^acme\.json: [\x20-\x7e]{3,}$/);
      }),
      RUNS,
    );
    expect(usable).toBeGreaterThan(RUNS.numRuns / 50);
  });

  test("that can be used asks, judges and plans without a fault", () => {
    fc.assert(
      fc.property(fileText, fc.constantFrom(200, 400, 500), fc.jsonValue(), (text, status, said) => {
        const read = attempt(text);
        if (read instanceof Error) return;
        const { descriptor } = read;
        const request = buildTokenRequest({ descriptor, clientId: "c", clientSecret: "s", refreshToken: "the-token" });
        expect(new URLSearchParams(request.body).getAll("refresh_token")).toEqual(["the-token"]);
        expect(new URLSearchParams(request.body).getAll("grant_type")).toEqual(["refresh_token"]);
        expect(Object.values(request.headers).join("")).toMatch(/^[\x20-\x7e]*$/);
        expect(request.origin).toMatch(/^https:\/\/|^http:\/\/127\./);

        const answer = { kind: "http" as const, status, headers: {}, body: JSON.stringify(said), bodyFault: null };
        const outcome = judge(answer, descriptor, { refreshToken: "the-token", clientSecret: "s" });
        const decision = decide(FRESH, outcome, descriptor, { sentAt: 1_000_000, now: 1_000_500 });
        for (const time of [decision.dueAt, decision.accessTokenExpiresAt, decision.grantExpiresAt]) {
          expect(time === null || Number.isSafeInteger(time)).toBe(true);
        }
        expect(decision.dueAt ?? Number.POSITIVE_INFINITY).toBeGreaterThan(1_000_500);
      }),
      RUNS,
    );
  });

  test("repeats no value in its fault: a secret may stand in the wrong place", () => {
    const secret = "q7Rt5zLpW2xVn8Km3JdyHb69cF";
    const misplaced = fc.tuple(
      fc.constantFrom(...FIELDS),
      fc.option(fc.constantFrom(...PARTS)),
      fc.constantFrom(secret, [secret], { [secret]: 1 }, { a: secret }, `https://id:${secret}@h/`),
    );
    fc.assert(
      fc.property(misplaced, ([field, inner, value]) => {
        const text = JSON.stringify({ ...USABLE, [field]: inner === null ? value : { [inner]: value } });
        const read = attempt(text);
        if (!(read instanceof Error)) return;
        for (const spelling of spellingsOf(secret).values())
          expect(read.message.includes(spelling), read.message).toBe(false);
      }),
      RUNS,
    );
  });
});

const FRESH = {
  id: "c",
  mode: "fresh" as const,
  accessTokenExpiresAt: null,
  grantExpiresAt: null,
  grantHardExpiresAt: null,
  strikes: 0,
  firstStrikeAt: null,
  failures: 0,
  unknownSince: null,
};

function attempt(text: string): ReturnType<typeof parseDescriptorFile> | Error {
  try {
    return parseDescriptorFile(text, "acme.json");
  } catch (error) {
    return error as Error;
  }
}
