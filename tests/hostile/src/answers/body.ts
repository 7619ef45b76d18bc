import fc from "fast-check";
import { SPELLINGS } from "./secrets.ts";

/** The secrets of one exchange, to be put where a recipe says. */
export interface Secrets {
  readonly presented: string;
  readonly clientSecret: string | null;
  readonly access: string;
  readonly refresh: string;
}

/** Makes a text when it is told the secrets. */
type Recipe = (secrets: Secrets) => string;

const WORDS = [
  "invalid_grant",
  "invalid_client",
  "invalid_request",
  "unauthorized_client",
  "unsupported_grant_type",
  "server_error",
  "temporarily_unavailable",
  "slow_down",
  "Incorrect Token type or clientID",
  "token ",
  "refresh_token=",
  ": ",
  " ",
  '"',
  "\n",
  "%",
  "\\",
];
const NUMBERS = [
  "0",
  "-1",
  "1800",
  "3600.5",
  "1e999",
  "-1e999",
  "1795000000",
  "9007199254740993",
  "1e-9",
  "00",
  "0x10",
  "NaN",
];
const LITERALS = [
  "null",
  "true",
  "{}",
  "[]",
  '""',
  '{"access_token":"nested-access-token"}',
  '"1800"',
  '" 3600 "',
  '"1e9"',
  '"soon"',
];
const WHOSE = ["presented", "clientSecret", "access", "refresh"] as const;

const echo = fc.tuple(fc.constantFrom(...WHOSE), fc.nat(SPELLINGS.length - 1)).map(
  ([whose, spelling]): Recipe =>
    (secrets) =>
      SPELLINGS[spelling]?.(secrets[whose] ?? "") ?? "",
);

const piece: fc.Arbitrary<Recipe> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...WORDS).map(always) },
  { weight: 3, arbitrary: echo },
  { weight: 1, arbitrary: fc.string({ maxLength: 12, unit: "binary" }).map(always) },
);

/** What an error says, a header holds: words, and what the provider was sent. */
export const saying: fc.Arbitrary<Recipe> = fc.array(piece, { maxLength: 5 }).map(
  (pieces): Recipe =>
    (secrets) =>
      pieces.map((part) => part(secrets)).join(""),
);

/** As JSON text, so that it may as well be none. */
const value: fc.Arbitrary<Recipe> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(...WHOSE).map(
      (whose): Recipe =>
        (secrets) =>
          JSON.stringify(secrets[whose]),
    ),
  },
  {
    weight: 4,
    arbitrary: saying.map(
      (said): Recipe =>
        (secrets) =>
          JSON.stringify(said(secrets)),
    ),
  },
  { weight: 2, arbitrary: fc.constantFrom(...NUMBERS).map(always) },
  { weight: 2, arbitrary: fc.constantFrom(...LITERALS).map(always) },
  { weight: 1, arbitrary: fc.nat(3_000).map((depth) => always("[".repeat(depth) + "]".repeat(depth))) },
);

const NAMES = [
  "access_token",
  "refresh_token",
  "expires_in",
  "error",
  "error_description",
  "x_refresh_token_expires_in",
  "x_refresh_token_hard_expires_in",
  "token",
  "next",
  "ttl",
  "left",
  "code",
  "x",
  "id_token",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "valueOf",
  "hasOwnProperty",
  "",
];

const field: fc.Arbitrary<Recipe> = fc.tuple(fc.constantFrom(...NAMES), value).map(
  ([name, text]): Recipe =>
    (secrets) =>
      `${JSON.stringify(name)}:${text(secrets)}`,
);

const tokenFields: Recipe = ({ access, refresh }) =>
  `"access_token":${JSON.stringify(access)},"refresh_token":${JSON.stringify(refresh)},"expires_in":1800`;
const accessField: Recipe = ({ access }) => `"access_token":${JSON.stringify(access)},"expires_in":"3600"`;

/** What most answers have, in the names of most descriptors. */
const usualFields: fc.Arbitrary<Recipe> = fc.oneof(
  { weight: 6, arbitrary: fc.constant(tokenFields) },
  { weight: 3, arbitrary: fc.constant(accessField) },
  {
    weight: 7,
    arbitrary: fc.constantFrom<Recipe>(
      () => "",
      ({ refresh }) => `"refresh_token":${JSON.stringify(refresh)}`,
      ({ access, refresh }) => `"token":${JSON.stringify(access)},"next":${JSON.stringify(refresh)},"ttl":1`,
      ({ refresh }) => `"x":${JSON.stringify(refresh)}`,
      ({ access, presented }) =>
        `"access_token":${JSON.stringify(access)},"refresh_token":${JSON.stringify(presented)}`,
      () => `"error":"invalid_grant"`,
      () => `"error":"invalid_client","error_description":"unknown"`,
    ),
  },
);

/** An object written by hand: names may come twice, and any of them may be missing. */
const object: fc.Arbitrary<Recipe> = fc.tuple(usualFields, fc.array(field, { maxLength: 3 }), fc.boolean()).map(
  ([usual, others, isLast]): Recipe =>
    (secrets) => {
      const rest = others.map((part) => part(secrets));
      const parts = isLast ? [...rest, usual(secrets)] : [usual(secrets), ...rest];
      return `{${parts.filter((part) => part !== "").join(",")}}`;
    },
);

const mutilated: fc.Arbitrary<Recipe> = fc
  .tuple(object, fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom("", "}", "\u0000", "{}", "]", " \n", "x"))
  .map(
    ([whole, share, end]): Recipe =>
      (secrets) => {
        const text = whole(secrets);
        return text.slice(0, Math.floor(text.length * share)) + end;
      },
  );

/** The body of an answer, as text. */
export const body: fc.Arbitrary<Recipe> = fc.oneof(
  { weight: 40, arbitrary: object },
  { weight: 2, arbitrary: mutilated },
  {
    weight: 1,
    arbitrary: object.map(
      (text): Recipe =>
        (secrets) =>
          `\ufeff ${text(secrets)}`,
    ),
  },
  {
    weight: 1,
    arbitrary: object.map(
      (text): Recipe =>
        (secrets) =>
          `[${text(secrets)}]`,
    ),
  },
  { weight: 1, arbitrary: saying },
  { weight: 1, arbitrary: fc.json({ maxDepth: 3 }).map(always) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }).map((bytes) => always(new TextDecoder().decode(bytes))) },
  { weight: 1, arbitrary: fc.constantFrom("", "null", "<html><body>Sorry</body></html>", '"token"').map(always) },
);

function always(text: string): Recipe {
  return () => text;
}
