import { describe, expect, it } from "vitest";
import { describeError, scrubText, withoutSecrets } from "../src/index.ts";

const CANARY = "s3cr3t-canary";

describe("a text", () => {
  it.each([
    [
      `connect postgres://evergrant:${CANARY}@db:5432/x failed`,
      "connect postgres://evergrant:[redacted]@db:5432/x failed",
    ],
    [`redis://:${CANARY}@cache:6379`, "redis://:[redacted]@cache:6379"],
    [`postgresql://u:p@${CANARY}/"#@db/x`, "postgresql://u:[redacted]@db/x"],
    [`Authorization: Basic ${CANARY}`, "Authorization: Basic [redacted]"],
    [`{"authorization":"Bearer ${CANARY}"}`, '{"authorization":"Bearer [redacted]"}'],
    [`sent Bearer ${CANARY}, got 401`, "sent Bearer [redacted], got 401"],
    [
      `grant_type=refresh_token&refresh_token=${CANARY}&client_id=7`,
      "grant_type=refresh_token&refresh_token=[redacted]&client_id=7",
    ],
    [`{"access_token":"${CANARY}","expires_in":1800}`, '{"access_token":"[redacted]","expires_in":1800}'],
    [String.raw`body {\"client_secret\":\"${CANARY}\"}`, String.raw`body {\"client_secret\":\"[redacted]\"}`],
    [`data: { refreshToken: '${CANARY}' }`, "data: { refreshToken: '[redacted]' }"],
    ["got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl back", "got [redacted] back"],
    ["JWE eyJlbmMiOiJBMTI4In0..8yZtXBUmVUZS1qsxVXTpOA.abc.def", "JWE [redacted]"],
    ["refused RT1-39-H3-1764547200abcdef: invalid", "refused [redacted]: invalid"],
    ["refused AB11570127472xkApQcZmbTMGfzzEOgMWl2Br5h8IEgxRULUbO", "refused [redacted]"],
  ])("loses what looks like a secret: %s", (given, expected) => {
    expect(scrubText(given)).toBe(expected);
  });

  it.each([
    "invalid_grant: Token is not valid for this client",
    "POST https://identity.xero.com/connect/token answered 400 in 83 ms",
    "http://127.0.0.1:9462/metrics",
    "accessTokenExpiresAt is 2026-11-21T10:00:00Z",
    "DATABASE_URL must be an address that begins with postgres://, such as postgres://evergrant@localhost:5432/x",
    "a refresh token was rejected",
  ])("without a secret stays as it is: %s", (text) => {
    expect(scrubText(text)).toBe(text);
  });

  it("is cut when it is long", () => {
    expect(scrubText("x ".repeat(50_000)).length).toBeLessThan(8_300);
  });

  it("is scrubbed before it is cut, so that no half of a secret remains", () => {
    const text = `${"x".repeat(8_150)} postgres://evergrant:${CANARY.repeat(10)}@db`;
    expect(scrubText(text)).not.toContain("s3cr3t");
  });

  it.each(["a://a:", "eyJaaaaa.", "bearer ", "access_token=", "RT1-", "authorization:", "a.a.a.", '\\"', "@", "a_"])(
    "made of many times %s takes no time to scrub",
    (part) => {
      const text = part.repeat(10_000);
      const startedAt = performance.now();
      scrubText(text);
      expect(performance.now() - startedAt).toBeLessThan(500);
    },
  );
});

describe("fields", () => {
  it("with a secret's name are censored at any depth and in any spelling", () => {
    const fields = {
      refreshToken: CANARY,
      nested: { "client-secret": CANARY, deeper: [{ ACCESS_TOKEN: CANARY, tokens: { a: CANARY } }] },
      newRefreshToken: CANARY,
      headers: { Authorization: CANARY, "Set-Cookie": CANARY },
      env: { EVERGRANT_KEY_RING: CANARY, DATABASE_URL: CANARY },
    };
    const safe = JSON.stringify(withoutSecrets(fields));
    expect(safe).not.toContain(CANARY);
    expect(safe.match(/\[redacted\]/g)).toHaveLength(9);
  });

  it("that only count, date or flag keep their value", () => {
    const fields = {
      hasRefreshToken: true,
      tokens: 3,
      secret: null,
      tokenEndpoint: "https://x.test/token",
      at: new Date(0),
    };
    expect(withoutSecrets(fields)).toEqual({ ...fields, at: "1970-01-01T00:00:00.000Z" });
  });

  it("of bytes are counted, not shown", () => {
    expect(withoutSecrets({ ciphertext: Buffer.from(CANARY), iv: new ArrayBuffer(12) })).toEqual({
      ciphertext: "[13 bytes]",
      iv: "[12 bytes]",
    });
  });

  it("in a cycle end", () => {
    const cycle: Record<string, unknown> = { token: CANARY };
    cycle.self = cycle;
    expect(JSON.stringify(withoutSecrets(cycle))).toContain("[too deep]");
  });

  it("that are addresses lose their password", () => {
    expect(withoutSecrets({ at: new URL(`postgres://u:${CANARY}@db/x`) })).toEqual({
      at: "postgres://u:[redacted]@db/x",
    });
  });
});

describe("an error", () => {
  it("keeps name, code, message, stack and cause, and nothing that a driver hung on it", () => {
    const cause = Object.assign(new TypeError(`password=${CANARY}`), { parameters: [CANARY], code: "23505" });
    const error = Object.assign(new Error(`for redis://:${CANARY}@h`, { cause }), { detail: CANARY, query: CANARY });
    const described = describeError(error);
    expect(Object.keys(described)).toEqual(["name", "message", "stack", "cause"]);
    expect(described).toMatchObject({ name: "Error", message: "for redis://:[redacted]@h" });
    expect(described.cause).toMatchObject({ name: "TypeError", code: "23505", message: "password=[redacted]" });
    expect(JSON.stringify(described)).not.toContain(CANARY);
  });

  it("in a chain of causes that goes round ends", () => {
    const error = new Error("round");
    error.cause = error;
    expect(JSON.stringify(describeError(error))).toContain("[too deep]");
  });

  it("is described wherever it stands, a DOMException too", () => {
    const abort = AbortSignal.abort().reason;
    expect(withoutSecrets([{ reason: abort }])).toEqual([{ reason: expect.objectContaining({ name: "AbortError" }) }]);
  });
});
