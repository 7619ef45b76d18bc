import { spellingsOf } from "@evergrant/testkit";
import fc from "fast-check";

const opaque = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength }).map((bytes) => Buffer.from(bytes).toString("base64url"));

/** RFC 6749 appendix A.17 allows every visible character and the blank. */
const anyVisible = fc
  .uint8Array({ minLength: 12, maxLength: 60 })
  .map((bytes) => [...bytes].map((byte) => String.fromCharCode(0x20 + (byte % 0x5f))).join(""));

/** Tokens and client secrets as providers make them, and some that they should not make. */
export const token: fc.Arbitrary<string> = fc.oneof(
  { weight: 10, arbitrary: opaque(9, 48) },
  { weight: 2, arbitrary: opaque(60, 300).map((text) => `eyJhbGciOiJSUzI1NiJ9.${text}.${text.slice(0, 40)}`) },
  { weight: 3, arbitrary: anyVisible },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "a",
      "null",
      "token",
      "invalid_grant",
      "%41%42%43%44%45%46",
      '\\u0041\\n\\/\\"aaaa',
      "00000000-0000-0000-0000-000000000000",
    ),
  },
);

/** What may stand in the place of a token in an answer. */
export const issuedToken: fc.Arbitrary<string> = fc.oneof(
  { weight: 14, arbitrary: token },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 30 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "",
      " ",
      "\u0000",
      "a\u0000b\u0000c\u0000d\u0000e\u0000f",
      "line\r\nSet-Cookie: a=b\r\n\r\nanother-line",
      "\ud800 half a pair \udc00",
      "\u202egnihtemos esrever",
      "x".repeat(70_000),
    ),
  },
);

/** Ways to write a secret into a message. */
export const SPELLINGS: readonly ((secret: string) => string)[] = [
  (secret) => secret,
  (secret) => secret.toUpperCase(),
  (secret) => secret.toLowerCase(),
  (secret) => encodeURIComponent(wellFormed(secret)),
  (secret) => new URLSearchParams([["refresh_token", secret]]).toString(),
  (secret) => JSON.stringify({ refresh_token: secret }),
  (secret) => JSON.stringify(secret).replaceAll("/", "\\/"),
  (secret) => Buffer.from(secret).toString("base64"),
  (secret) => Buffer.from(secret).toString("base64url"),
  (secret) => `Basic ${Buffer.from(`id:${encodeURIComponent(wellFormed(secret))}`).toString("base64")}`,
  (secret) => Buffer.from(`ab${secret}`).toString("base64"),
  (secret) => Buffer.from(secret).toString("hex"),
];

/** Shorter ones are no secrets: they occur in every text. */
const SHORTEST_SECRET = 12;
const FEWEST_LETTERS = 8;

/**
 * How a text tells a secret; null when it does not. A secret that hardly has letters may only not be told as
 * it is: every encoding makes something harmless of it.
 */
export function howTold(text: string, secret: string): string | null {
  if (secret.length < SHORTEST_SECRET || /^[a-z_]*$/.test(secret)) return null;
  const letters = secret.replaceAll(/[^a-z0-9]/gi, "").length;
  // Escapes inside a secret that is itself escaped may be read in two ways.
  const isPlain = letters >= FEWEST_LETTERS && !/[%\\]/.test(secret) && isVisible(secret);
  if (!isPlain) return text.includes(secret) ? "as it is" : null;
  const folded = text.toLowerCase();
  return [...spellingsOf(secret)].find(([, spelling]) => folded.includes(spelling.toLowerCase()))?.[0] ?? null;
}

function isVisible(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}
