import { createSecretKey, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DataKey } from "../../src/secrets/data-key.ts";
import { SecretError, type TokenPlace } from "../../src/secrets/index.ts";
import { createTokenVault } from "../../src/secrets/token-vault.ts";

const newKey = () => createSecretKey(randomBytes(32));
const dataKey = (id: number, version: number): DataKey => ({ id, purpose: "tokens", version, key: newKey() });
const vault = createTokenVault([dataKey(1, 1)], newKey());

const place = fc.record<TokenPlace>({
  connectionId: fc.string(),
  field: fc.constantFrom("refreshToken", "accessToken"),
  generation: fc.nat(),
});
// Well-formed text: what JSON and forms can carry. Long enough to be recognised if it leaked.
const token = fc.string({ unit: "grapheme", minLength: 8, maxLength: 300 });

/** What a failure may say: one SecretError, one line, nothing of the token. */
function expectRefused(open: () => string, secret: string): void {
  const failure = caught(open);
  expect(failure).toBeInstanceOf(SecretError);
  const shown = `${String(failure)} ${JSON.stringify(failure)} ${String((failure as Error).cause)}`;
  expect(shown).not.toContain(secret);
  expect((failure as Error).message).not.toContain("\n");
}

function caught(work: () => unknown): unknown {
  try {
    return new Error(`nothing was thrown, but returned: ${String(work())}`);
  } catch (error) {
    return error;
  }
}

const at: TokenPlace = { connectionId: "acme-xero", field: "refreshToken", generation: 3 };

describe("a sealed token", () => {
  test("opens in its place to what was sealed", () => {
    fc.assert(
      fc.property(place, fc.string({ unit: "grapheme" }), (where, secret) => {
        expect(vault.openToken(where, vault.sealToken(where, secret))).toBe(secret);
      }),
    );
  });

  test("may have 20 KB, and grows by 33 bytes", () => {
    const secret = randomBytes(15_000).toString("base64");
    const sealed = vault.sealToken(at, secret);
    expect(sealed).toHaveLength(20_000 + 33);
    expect(vault.openToken(at, sealed)).toBe(secret);
  });

  test("does not open in any other place", () => {
    fc.assert(
      fc.property(place, place, token, (sealedFor, openedFor, secret) => {
        fc.pre(JSON.stringify(sealedFor) !== JSON.stringify(openedFor));
        expectRefused(() => vault.openToken(openedFor, vault.sealToken(sealedFor, secret)), secret);
      }),
    );
  });

  test.each<[string, Partial<TokenPlace>]>([
    ["of another connection", { connectionId: "acme-xero2" }],
    ["of another field", { field: "accessToken" }],
    ["of the next generation", { generation: 4 }],
    ["whose parts join to the same text", { connectionId: "acme-xer", field: "orefreshToken" as "refreshToken" }],
  ])("does not open in a place that differs little: one %s", (_name, change) => {
    expectRefused(() => vault.openToken({ ...at, ...change }, vault.sealToken(at, "rt-secret-1")), "rt-secret-1");
  });

  test("does not open with any one byte changed", () => {
    fc.assert(
      fc.property(
        token,
        fc.integer({ min: 1, max: 255 }),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (secret, flip, where) => {
          const sealed = vault.sealToken(at, secret);
          const index = Math.floor(where * sealed.length);
          sealed[index] = (sealed[index] ?? 0) ^ flip;
          expectRefused(() => vault.openToken(at, sealed), secret);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("does not open cut short or with something behind it", () => {
    const sealed = vault.sealToken(at, "rt-secret-1");
    for (let length = 0; length < sealed.length; length += 1) {
      expectRefused(() => vault.openToken(at, sealed.subarray(0, length)), "rt-secret-1");
    }
    expectRefused(() => vault.openToken(at, Uint8Array.from([...sealed, 0])), "rt-secret-1");
  });

  test("does not open under another data key of the same id", () => {
    const other = createTokenVault([dataKey(1, 1)], newKey());
    expectRefused(() => other.openToken(at, vault.sealToken(at, "rt-secret-1")), "rt-secret-1");
  });

  test("opens from a view into a longer buffer, as drivers hand them out", () => {
    const sealed = vault.sealToken(at, "rt-secret-1");
    const row = new Uint8Array(sealed.length + 20);
    row.set(sealed, 7);
    expect(vault.openToken(at, row.subarray(7, 7 + sealed.length))).toBe("rt-secret-1");
  });

  test("looks different each time and begins with the format's number, which no text does", () => {
    const first = vault.sealToken(at, "rt-secret-1");
    const second = vault.sealToken(at, "rt-secret-1");
    expect(Buffer.compare(first, second)).not.toBe(0);
    expect([...first.subarray(0, 5)]).toEqual([1, 0, 0, 0, 1]);
  });

  test("is sealed by the newest data key, and opens by whichever sealed it", () => {
    const older = dataKey(7, 1);
    const newer = dataKey(9, 2);
    const before = createTokenVault([older], newKey());
    const after = createTokenVault([newer, older], newKey());
    expect(after.openToken(at, before.sealToken(at, "rt-secret-1"))).toBe("rt-secret-1");
    const sealed = after.sealToken(at, "rt-secret-1");
    expect(() => before.openToken(at, sealed)).toThrow(
      new SecretError(
        'The refreshToken of connection "acme-xero", generation 3, was sealed by data key 9, which is not loaded.',
      ),
    );
  });
});

describe("a sealed client secret", () => {
  test("opens for its app and for no other, and is no token", () => {
    const sealed = vault.sealClientSecret({ appId: "xero-prod" }, "cs-secret-1");
    expect(vault.openClientSecret({ appId: "xero-prod" }, sealed)).toBe("cs-secret-1");
    expectRefused(() => vault.openClientSecret({ appId: "xero-sandbox" }, sealed), "cs-secret-1");
    expectRefused(() => vault.openToken({ ...at, connectionId: "xero-prod" }, sealed), "cs-secret-1");
  });
});

describe("a fingerprint", () => {
  test("is the same 16 bytes for a token each time, another for another token and under another key", () => {
    const other = createTokenVault([dataKey(1, 1)], newKey());
    fc.assert(
      fc.property(token, token, (one, two) => {
        fc.pre(one !== two);
        const fingerprint = vault.fingerprint(one);
        expect(fingerprint).toHaveLength(16);
        expect(Buffer.compare(fingerprint, vault.fingerprint(one))).toBe(0);
        expect(Buffer.compare(fingerprint, vault.fingerprint(two))).not.toBe(0);
        expect(Buffer.compare(fingerprint, other.fingerprint(one))).not.toBe(0);
      }),
    );
  });
});
