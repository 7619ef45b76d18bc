import { describe, expect, test } from "vitest";
import { parseLine } from "../../src/import/parse-line.ts";

const CANARY = "canary-0123456789";
const line = (fields: object = {}) =>
  JSON.stringify({ id: "acme-xero", app: "xero-prod", refreshToken: CANARY, ...fields });

function reasonOf(text: string): string {
  const parsed = parseLine(text);
  if ("connection" in parsed) throw new Error("the line was accepted");
  return parsed.reason;
}

describe("a good line", () => {
  test("needs an id, an app and a refresh token, and nothing else", () => {
    expect(parseLine(line())).toEqual({
      connection: {
        id: "acme-xero",
        appId: "xero-prod",
        refreshToken: CANARY,
        accessToken: null,
        accessTokenExpiresAt: null,
        refreshTokenExpiresAt: null,
        customer: null,
        mode: null,
        tenants: [],
      },
    });
  });

  test("may say everything that is known", () => {
    const whole = line({
      accessToken: "access",
      accessTokenExpiresAt: "2026-11-21T10:00:00Z",
      refreshTokenExpiresAt: "2027-01-20T10:00:00.250+01:00",
      customer: "Käse & Co.",
      mode: "keepalive",
      tenants: [{ id: "t1", name: "Acme Ltd" }, { id: "t2" }],
    });
    expect(parseLine(whole)).toMatchObject({
      connection: {
        accessToken: "access",
        accessTokenExpiresAt: Date.UTC(2026, 10, 21, 10),
        refreshTokenExpiresAt: Date.UTC(2027, 0, 20, 9) + 250,
        customer: "Käse & Co.",
        mode: "keepalive",
        tenants: [
          { id: "t1", name: "Acme Ltd" },
          { id: "t2", name: null },
        ],
      },
    });
  });

  test("may leave optional fields empty, as exports do", () => {
    const empty = {
      accessToken: null,
      accessTokenExpiresAt: null,
      refreshTokenExpiresAt: null,
      customer: null,
      mode: null,
      tenants: null,
    };
    expect(parseLine(line(empty))).toEqual(parseLine(line()));
  });

  test("may use any id that is safe in a shell, an address and a queue", () => {
    for (const id of ["a", "9", "_x", "acme.xero:prod", "user+tag@example.com", "a/b=c~d", "x".repeat(128)]) {
      expect(parseLine(line({ id })), id).toHaveProperty("connection.id", id);
    }
  });
});

describe("a bad line is refused with its reason:", () => {
  const faults: readonly (readonly [string, string, string])[] = [
    ["not JSON", "{oops", "not JSON; one object on each line is expected"],
    ["the beginning of a JSON array", "[", "not JSON; one object on each line is expected"],
    ["no object", "[1]", "not a JSON object"],
    ["null", "null", "not a JSON object"],
    ["a bare text", `"${CANARY}"`, "not a JSON object"],
    ["no id", line({ id: undefined }), "id is missing"],
    ["no app", line({ app: undefined }), "app is missing"],
    ["no refresh token", line({ refreshToken: undefined }), "refreshToken is missing"],
    ["an empty refresh token", line({ refreshToken: "" }), "refreshToken is empty"],
    ["a refresh token that is no text", line({ refreshToken: 7 }), "refreshToken must be a text"],
    [
      "a refresh token of 20 KB",
      line({ refreshToken: "x".repeat(20 * 1024) }),
      "refreshToken has 20480 bytes; at most 16384 are accepted",
    ],
    [
      "an access token of 20 KB",
      line({ accessToken: "x".repeat(20 * 1024) }),
      "accessToken has 20480 bytes; at most 16384 are accepted",
    ],
    [
      "a refresh token with a line break",
      line({ refreshToken: `${CANARY}\n` }),
      "refreshToken holds characters that no token has",
    ],
    [
      "an id with a blank",
      line({ id: "acme xero" }),
      "id must be 1 to 128 letters, digits or _ . : @ / + = ~ - and begin with a letter or digit",
    ],
    [
      "an id that a shell takes for an option",
      line({ id: "--app" }),
      "id must be 1 to 128 letters, digits or _ . : @ / + = ~ - and begin with a letter or digit",
    ],
    [
      "an id of 129 characters",
      line({ id: "x".repeat(129) }),
      "id must be 1 to 128 letters, digits or _ . : @ / + = ~ - and begin with a letter or digit",
    ],
    ["the token as id", line({ id: CANARY }), "the same text as id and as refreshToken"],
    [
      "a token of Intuit as id",
      line({ id: "RT1-39-H0-1795255200abcdef" }),
      "id is a token; it must be a name of your own",
    ],
    ["a JWT as id", line({ id: "eyJhbGciOiJSUzI1NiJ9.e30.c2ln" }), "id is a token; it must be a name of your own"],
    ["the token as app", line({ app: CANARY }), "app holds a token of this line"],
    ["the token in the customer's name", line({ customer: `Acme ${CANARY}` }), "customer holds a token of this line"],
    [
      "the access token as a tenant",
      line({ accessToken: `${CANARY}-2`, tenants: [{ id: "t", name: `${CANARY}-2` }] }),
      "tenants holds a token of this line",
    ],
    [
      "a time without a zone",
      line({ accessTokenExpiresAt: "2026-11-21T10:00:00" }),
      "accessTokenExpiresAt must be a time with its zone, such as 2026-11-21T10:00:00Z",
    ],
    [
      "a time as a number",
      line({ refreshTokenExpiresAt: 1_795_255_200 }),
      "refreshTokenExpiresAt must be a time with its zone, such as 2026-11-21T10:00:00Z",
    ],
    [
      "a day that does not exist",
      line({ accessTokenExpiresAt: "2026-02-30T10:00:00Z" }),
      "accessTokenExpiresAt must be a time with its zone, such as 2026-11-21T10:00:00Z",
    ],
    ["an unknown mode", line({ mode: "sometimes" }), "mode must be fresh, keepalive, off"],
    [
      "a misspelt field",
      line({ refresh_token: "x" }),
      'unknown field "refresh_token"; known are id, app, refreshToken, accessToken, accessTokenExpiresAt, refreshTokenExpiresAt, customer, mode, tenants',
    ],
    ["a control character", line({ customer: "a\u0000b" }), "customer holds control characters"],
    [
      "a terminal escape",
      line({ tenants: [{ id: "t", name: "\u001b[2J" }] }),
      "tenants[0].name holds control characters",
    ],
    [
      "a tenant that is no object",
      line({ tenants: ["t"] }),
      'tenants[0] must be an object such as {"id":"…","name":"…"}',
    ],
    ["a tenant without an id", line({ tenants: [{ name: "x" }] }), "tenants[0].id must be a text"],
    [
      "too many tenants",
      line({ tenants: Array.from({ length: 1_001 }, (_, index) => ({ id: `t${index}` })) }),
      "tenants holds more than 1000",
    ],
  ];

  test.each(faults)("%s", (_name, text, reason) => {
    expect(reasonOf(text)).toBe(reason);
  });

  test("no reason repeats what stands in the line", () => {
    const leaks = [
      line({ [CANARY]: 1 }),
      line({ ["k".repeat(25)]: 1 }),
      line({ xxx7xxxxKkkxx: 1 }),
      line({ mode: CANARY }),
      line({ accessTokenExpiresAt: CANARY }),
      line({ id: `${CANARY} ` }),
      line({ tenants: CANARY }),
      `{"id":"a","refreshToken":"${CANARY}`,
      ...faults.map(([, text]) => text),
    ];
    for (const text of leaks) expect(JSON.stringify(parseLine(text))).not.toMatch(/canary|kkk|xxx/);
  });

  test("its id comes with the reason only where it is one", () => {
    expect(parseLine(line({ mode: "sometimes" }))).toHaveProperty("id", "acme-xero");
    expect(parseLine(line({ id: "no id", mode: "sometimes" }))).toHaveProperty("id", null);
  });
});

test.each([
  ["unknown field", line({ id: CANARY, wrong: 1 })],
  ["token under another name", JSON.stringify({ id: `x-${CANARY}`, app: "xero-prod", refresh_token: CANARY })],
  ["app missing", JSON.stringify({ id: CANARY, refreshToken: CANARY })],
])("an id that is a token of its line is not told, whatever the line is rejected for: %s", (_, text) => {
  expect(parseLine(text)).toMatchObject({ id: null });
  expect(parseLine(line({ wrong: 1 }))).toMatchObject({ id: "acme-xero" });
});
