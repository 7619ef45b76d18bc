import { createSecretKey, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseKeyRing, SecretError } from "../../src/secrets/index.ts";
import { createTokenVault } from "../../src/secrets/token-vault.ts";

/** fast-check prints the seed and the smallest input of a failure. */
const RUNS = { numRuns: 2_000 };

const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("base64"));
const name = fc.oneof(
  fc.constantFrom("main", "k1", "k2", "old", "__proto__", "constructor", "a b", "", "x".repeat(40)),
  fc.string({ unit: "binary", maxLength: 8 }),
);
/** Longer than any name: what is certain to be none is not shown. */
const secretPart = fc.oneof(
  { weight: 4, arbitrary: key },
  {
    weight: 2,
    arbitrary: fc.uint8Array({ minLength: 25, maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString("base64url")),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", minLength: 33, maxLength: 50 }) },
);
/** With the two sides mixed up, too many of them, or only one. */
const entry = fc
  .tuple(
    name,
    secretPart,
    fc.constantFrom("name:key", "name:key", "name:key", "key:name", "key", "name:key:key", "name=key", "# name:key"),
  )
  .map(([id, secret, form]) => ({
    secret,
    text: form.replace("name", () => id).replaceAll("key", () => secret),
  }));
const ring = fc
  .tuple(fc.array(entry, { maxLength: 4 }), fc.constantFrom("\n", ",", "\r\n", " , ", ";"))
  .map(([entries, between]) => ({
    secrets: entries.map(({ secret }) => secret),
    text: entries.map(({ text }) => text).join(between),
  }));

describe("the text of a key ring, whatever it is", () => {
  test("is a ring of whole keys, or one line that repeats no key", () => {
    let usable = 0;
    fc.assert(
      fc.property(ring, ({ secrets, text }) => {
        const read = attempt(() => parseKeyRing(text));
        if (read instanceof Error) {
          expect(read).toBeInstanceOf(SecretError);
          expect(read.message).toMatch(/^[\x20-\x7e]+$/);
          for (const secret of secrets) expect(read.message.includes(secret)).toBe(false);
          return;
        }
        usable += 1;
        for (const { key: held } of read.keys.values()) expect(held.symmetricKeySize).toBe(32);
        expect(read.keys.get(read.primary.id)).toBe(read.primary);
      }),
      RUNS,
    );
    expect(usable).toBeGreaterThan(RUNS.numRuns / 400);
  });
});

describe("the bytes in the place of a ciphertext, whatever they are", () => {
  const vault = createTokenVault(
    [{ id: 1, purpose: "tokens", version: 1, key: createSecretKey(randomBytes(32)) }],
    createSecretKey(randomBytes(32)),
  );
  const place = { connectionId: "c", field: "refreshToken", generation: 1 } as const;

  test("open only if they were sealed for it, and else say so in one line", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.uint8Array({ maxLength: 80 }).map((rest) => Uint8Array.from([1, 0, 0, 0, 1, ...rest])),
      fc
        .tuple(fc.string({ unit: "binary" }), fc.nat(60), fc.integer({ min: 1, max: 255 }))
        .map(([text, at, change]) => {
          const sealed = vault.sealToken(place, text);
          const index = at % sealed.length;
          sealed[index] = (sealed[index] ?? 0) ^ change;
          return sealed;
        }),
    );
    fc.assert(
      fc.property(bytes, (sealed) => {
        const opened = attempt(() => vault.openToken(place, sealed));
        expect(opened).toBeInstanceOf(SecretError);
        expect((opened as Error).message).toMatch(/^[\x20-\x7e]{10,200}$/);
      }),
      RUNS,
    );
  });

  test("a token of any characters comes back as it was, in its own place alone", () => {
    const owner = fc.record({
      connectionId: fc.string({ unit: "binary" }),
      field: fc.constantFrom("refreshToken" as const, "accessToken" as const),
      generation: fc.nat(),
    });
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), owner, owner, (token, here, there) => {
        const sealed = vault.sealToken(here, token);
        expect(vault.openToken(here, sealed)).toBe(Buffer.from(token).toString());
        fc.pre(JSON.stringify(here) !== JSON.stringify(there));
        expect(attempt(() => vault.openToken(there, sealed))).toBeInstanceOf(SecretError);
      }),
      { numRuns: 500 },
    );
  });
});

function attempt<Value>(action: () => Value): Value | Error {
  try {
    return action();
  } catch (error) {
    return error as Error;
  }
}
