import fc from "fast-check";
import { expect, test } from "vitest";
import { holdsToken } from "../src/holds-token.ts";

/** What an environment variable can hold and a header can carry: visible ASCII, blanks inside. */
const token = fc.stringMatching(/^[\x21-\x7e]([\x20-\x7e]{0,40}[\x21-\x7e])?$/);

test("every token that can be configured opens the door, as a bearer token and as a password", () => {
  fc.assert(
    fc.property(
      token,
      fc.stringMatching(/^[^:]{0,10}$/),
      fc.constantFrom("Bearer", "bearer", "BEARER"),
      (secret, user, scheme) => {
        expect(holdsToken(`${scheme} ${secret}`, secret)).toBe(true);
        expect(holdsToken(`Basic ${Buffer.from(`${user}:${secret}`).toString("base64")}`, secret)).toBe(true);
      },
    ),
  );
});

test("no other header does, whatever it is", () => {
  const header = fc.oneof(
    fc.string({ unit: "binary" }),
    token.map((other) => `Bearer ${other}`),
    fc.string({ unit: "binary" }).map((text) => `Basic ${Buffer.from(text).toString("base64")}`),
    fc.constantFrom("", "Bearer", "Bearer ", "Basic", "Basic Og==", "Basic ====", `Bearer ${"x".repeat(100_000)}`),
  );
  fc.assert(
    fc.property(header, (given) => {
      expect(holdsToken(given, "the-token-that-nobody-guesses")).toBe(false);
    }),
    { numRuns: 1_000 },
  );
  expect(holdsToken(undefined, "the-token")).toBe(false);
});
