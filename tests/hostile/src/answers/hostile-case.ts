import type { ConnectionSchedule, HttpAnswer, ProviderDescriptor, TokenEndpointAnswer } from "@evergrant/core";
import fc from "fast-check";
import { body, type Secrets, saying } from "./body.ts";
import { anyDescriptor } from "./descriptors.ts";
import { issuedToken, token } from "./secrets.ts";

/** Any moment will do: nothing here reads a clock. */
export const NOW = Date.UTC(2026, 10, 21, 10);
const DAY = 86_400_000;

/** One exchange with a provider that may do anything, and the row that it is about. */
export interface HostileCase {
  readonly presented: { readonly refreshToken: string; readonly clientSecret: string | null };
  readonly answer: TokenEndpointAnswer;
  readonly descriptor: ProviderDescriptor;
  readonly connection: ConnectionSchedule;
  readonly isProbe: boolean;
  /** From the request to its answer. */
  readonly tookMs: number;
}

const secrets: fc.Arbitrary<Secrets> = fc.record({
  presented: token,
  clientSecret: fc.option(token, { nil: null, freq: 5 }),
  access: issuedToken,
  refresh: issuedToken,
});

const STATUSES = [201, 204, 299, 300, 302, 307, 400, 400, 401, 403, 404, 408, 413, 425, 429, 500, 502, 503, 504, 599];
const status = fc.oneof(
  { weight: 10, arbitrary: fc.constant(200) },
  { weight: 10, arbitrary: fc.constantFrom(...STATUSES) },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 999 }) },
);

const NAMES = [
  "retry-after",
  "retry-after",
  "date",
  "intuit_tid",
  "x-request-id",
  "constructor",
  "__proto__",
  "content-type",
  "set-cookie",
  "",
];
const DATES = [
  "Sat, 21 Nov 2026 10:00:00 GMT",
  "Sat, 21 Nov 2026 10:02:00 GMT",
  "Thu, 01 Jan 1970 00:00:00 GMT",
  "275760-09-13",
  "-1",
  "+1e9",
  "99999999999999999999",
  "0",
  "17",
];
const header = fc.tuple(
  fc.constantFrom(...NAMES),
  fc.oneof(
    saying,
    fc.constantFrom(...DATES).map((text) => () => text),
  ),
);

const httpAnswer = fc
  .record({
    status,
    headers: fc.array(header, { maxLength: 3 }),
    body: fc.option(body, { nil: null, freq: 30 }),
    bodyFault: fc.constantFrom(
      null,
      null,
      null,
      null,
      "body_broken_off",
      "body_too_large",
      "body_timeout",
      "body_undecodable",
    ),
  })
  .map(
    (recipe) =>
      (given: Secrets): HttpAnswer => ({
        kind: "http",
        status: recipe.status,
        headers: Object.fromEntries(recipe.headers.map(([name, text]) => [name, text(given)])),
        body: recipe.body?.(given) ?? null,
        bodyFault: recipe.bodyFault,
      }),
  );

const noAnswer = fc
  .record({ sent: fc.boolean(), code: fc.constantFrom("ECONNRESET", "UND_ERR_SOCKET", "UNKNOWN", "ANSWER_TIMEOUT") })
  .map((recipe) => (): TokenEndpointAnswer => ({ kind: "none", ...recipe }));

const moment = fc.oneof(fc.constant(null), fc.integer({ min: NOW - 400 * DAY, max: NOW + 5_000 * DAY }));
const past = fc.oneof(fc.constant(null), fc.integer({ min: NOW - 400 * DAY, max: NOW }));

/** Rows as they may have become after years. */
export const schedule: fc.Arbitrary<Omit<ConnectionSchedule, "id">> = fc.record({
  mode: fc.constantFrom("fresh" as const, "keepalive" as const, "off" as const),
  accessTokenExpiresAt: moment,
  grantExpiresAt: moment,
  grantHardExpiresAt: moment,
  strikes: fc.constantFrom(0, 0, 1, 2, 1_000),
  firstStrikeAt: past,
  failures: fc.constantFrom(0, 0, 1, 20, 1_000_000),
  unknownSince: past,
});

/** fast-check shrinks it part by part: the smallest secret, the shortest body that still breaks a rule. */
export const hostileCase: fc.Arbitrary<HostileCase> = fc
  .record({
    secrets,
    answer: fc.oneof({ weight: 30, arbitrary: httpAnswer }, { weight: 1, arbitrary: noAnswer }),
    descriptor: anyDescriptor,
    schedule,
    isProbe: fc.boolean(),
    tookMs: fc.nat(120_000),
  })
  .map((recipe) => ({
    presented: { refreshToken: recipe.secrets.presented, clientSecret: recipe.secrets.clientSecret },
    answer: recipe.answer(recipe.secrets),
    descriptor: recipe.descriptor,
    connection: { id: "hostile", ...recipe.schedule },
    isProbe: recipe.isProbe,
    tookMs: recipe.tookMs,
  }));
