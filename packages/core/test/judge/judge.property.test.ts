import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { judge, OUTCOME_KINDS, type ProviderDescriptor, type TokenEndpointAnswer } from "../../src/index.ts";
import { descriptor, REQUEST_ID_HEADER } from "./answers.ts";

/** fast-check prints the seed and the smallest counter-example of a failure. */
const RUNS = { numRuns: 2_000 };

const { fields } = descriptor;
const KNOWN_FIELDS = Object.values(fields).filter((name): name is string => name !== null);
const CODES = ["invalid_grant", "invalid_client", "invalid_request", "server_error", "slow_down", "made_up"];

/** Long enough to be a secret, and made of anything. */
const secret = fc.oneof(
  fc.string({ minLength: 8, maxLength: 60, unit: "binary" }),
  fc.stringMatching(/^[A-Za-z0-9._~+/-]{8,60}=?$/),
  fc.constant("half a pair: \ud800"),
);

interface Presented {
  readonly refreshToken: string;
  readonly clientSecret: string | null;
}

const presentedSecrets: fc.Arbitrary<Presented> = fc.record({
  refreshToken: secret,
  clientSecret: fc.option(secret, { nil: null }),
});

/** Text that repeats, somewhere, what was sent. */
const echo = ({ refreshToken, clientSecret }: Presented): fc.Arbitrary<string> =>
  fc
    .array(fc.oneof(fc.constantFrom(refreshToken, clientSecret ?? "", ...CODES, " "), fc.string()), { maxLength: 6 })
    .map((parts) => parts.join(""));

const body = (presented: Presented): fc.Arbitrary<string> => {
  const value = fc.oneof(echo(presented), fc.constantFrom(...CODES), fc.integer(), fc.double(), fc.jsonValue());
  return fc.oneof(
    fc
      .dictionary(fc.constantFrom(...KNOWN_FIELDS, "__proto__", "constructor"), value)
      .map((object) => JSON.stringify(object)),
    fc.json(),
    fc.string({ unit: "binary" }),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => new TextDecoder().decode(bytes)),
  );
};

const headers = (presented: Presented) =>
  fc.dictionary(
    fc.oneof(fc.constantFrom("retry-after", "date", REQUEST_ID_HEADER), fc.string()),
    fc.oneof(
      echo(presented),
      fc.nat().map(String),
      fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    ),
  );

const answerTo = (presented: Presented): fc.Arbitrary<TokenEndpointAnswer> =>
  fc.oneof(
    fc.record({
      kind: fc.constant("http" as const),
      status: fc.oneof(fc.constantFrom(200, 302, 400, 401, 403, 429, 500, 503), fc.integer({ min: 100, max: 999 })),
      headers: headers(presented),
      body: fc.option(body(presented), { nil: null }),
      bodyFault: fc.constantFrom(null, "body_broken_off"),
    }),
    fc.record({
      kind: fc.constant("none" as const),
      sent: fc.boolean(),
      code: fc.constantFrom("ECONNRESET", "UNKNOWN"),
    }),
  );

const anyDescriptor: fc.Arbitrary<ProviderDescriptor> = fc
  .array(
    fc.record(
      {
        status: fc.constantFrom(200, 400, 500),
        error: fc.constantFrom(...CODES),
        descriptionIncludes: fc.string({ minLength: 1, maxLength: 3 }),
        outcome: fc.constantFrom("rejected" as const, "misconfigured" as const, "ambiguous" as const),
      },
      { requiredKeys: ["outcome"] },
    ),
    { maxLength: 2 },
  )
  .map((errorRules) => ({ ...descriptor, errorRules }));

const cases = presentedSecrets.chain((presented) =>
  fc.record({ presented: fc.constant(presented), answer: answerTo(presented), descriptor: anyDescriptor }),
);

describe("whatever a provider answers", () => {
  test("ends in one of the seven outcomes, and nothing is thrown", () => {
    fc.assert(
      fc.property(cases, (given) => {
        expect(OUTCOME_KINDS).toContain(judge(given.answer, given.descriptor, given.presented).kind);
      }),
      RUNS,
    );
  });

  test("no evidence and no reason repeats the refresh token or the client secret that was sent", () => {
    fc.assert(
      fc.property(cases, (given) => {
        const outcome = judge(given.answer, given.descriptor, given.presented);
        const { refreshToken, clientSecret } = given.presented;
        const told = [...Object.values(outcome.evidence).map(String), "reason" in outcome ? outcome.reason : ""];
        for (const text of told) {
          expect(text.includes(refreshToken)).toBe(false);
          expect(clientSecret !== null && text.includes(clientSecret)).toBe(false);
          expect(text).toMatch(/^[\x20-\x7e]{0,200}$/);
        }
      }),
      RUNS,
    );
  });

  test("a success has a token, lifetimes above zero, and never the presented token as the new one", () => {
    fc.assert(
      fc.property(cases, (given) => {
        const outcome = judge(given.answer, given.descriptor, given.presented);
        if (outcome.kind !== "rotated" && outcome.kind !== "renewed") return;
        const { accessToken, refreshToken, ...lifetimes } = outcome.tokens;
        expect(accessToken ?? refreshToken).not.toBeNull();
        expect(refreshToken).not.toBe(given.presented.refreshToken);
        expect(refreshToken !== null).toBe(outcome.kind === "rotated");
        for (const ms of Object.values(lifetimes)) expect(ms === null || (Number.isInteger(ms) && ms > 0)).toBe(true);
      }),
      RUNS,
    );
  });

  test("a new refresh token in a readable 2xx is never lost", () => {
    const tokenSet = fc.record({
      presented: presentedSecrets,
      status: fc.integer({ min: 200, max: 299 }),
      refreshToken: secret,
      rest: fc.dictionary(fc.constantFrom(...KNOWN_FIELDS), fc.jsonValue()),
      descriptor: anyDescriptor,
    });
    fc.assert(
      fc.property(tokenSet, ({ presented, status, refreshToken, rest, descriptor: given }) => {
        fc.pre(refreshToken !== presented.refreshToken);
        const text = JSON.stringify({ ...rest, [fields.refreshToken]: refreshToken });
        const outcome = judge({ kind: "http", status, headers: {}, body: text, bodyFault: null }, given, presented);
        expect(outcome).toMatchObject({ kind: "rotated", tokens: { refreshToken } });
      }),
      RUNS,
    );
  });

  test("only an answer that a provider gave about the grant can be a rejection", () => {
    fc.assert(
      fc.property(cases, (given) => {
        const outcome = judge(given.answer, { ...given.descriptor, errorRules: [] }, given.presented);
        if (outcome.kind !== "rejected") return;
        expect(outcome.evidence.error).toBe("invalid_grant");
        expect(outcome.evidence.status).toBeLessThan(500);
        expect(outcome.mayHaveRotated).toBe(false);
      }),
      RUNS,
    );
  });
});
