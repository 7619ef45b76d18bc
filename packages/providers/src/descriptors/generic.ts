import type { ProviderDescriptor } from "@evergrant/core";
import { DAY_MS, MINUTE_MS, SECOND_MS } from "./durations.ts";

/** What holds for a provider of which only the name and the token URL are known. */
export type GenericDefaults = Omit<ProviderDescriptor, "provider" | "tokenUrl">;

/** RFC 6749 where it speaks, and caution where it does not: no grace window, no known lapse. */
export const genericDefaults: GenericDefaults = {
  // RFC 6749 section 2.3.1: the one method that every server must support.
  clientAuthentication: "basic",
  requestHeaders: {},
  requestParameters: {},
  // RFC 6749 sections 5.1 and 5.2. It names no field for the life of a refresh token.
  fields: {
    accessToken: "access_token",
    refreshToken: "refresh_token",
    expiresIn: "expires_in",
    refreshTokenExpiresIn: null,
    refreshTokenHardExpiresIn: null,
    error: "error",
    errorDescription: "error_description",
  },
  requestIdHeader: null,
  errorRules: [],
  lifetimes: {
    // RFC 6749 section 5.1 leaves an absent `expires_in` to the documentation. Most providers issue an
    // hour; half of it is early for those and right for the shorter ones among them.
    accessTokenMs: 30 * MINUTE_MS,
    inactivityMs: null,
  },
  // RFC 9700 section 4.14: a server may end the grant when a spent token is presented again.
  graceMs: 0,
  schedule: {
    mode: "fresh",
    leadMs: 5 * MINUTE_MS,
    jitterMs: 5 * MINUTE_MS,
    keepaliveMs: DAY_MS,
    safetyMarginMs: 7 * DAY_MS,
  },
  retry: { firstMs: 5 * SECOND_MS, maxMs: 5 * MINUTE_MS },
  strikeGapMs: MINUTE_MS,
  // Ours to choose. Strikes a minute apart leave time to see a wave before the first grant of it ends;
  // a tenth of all customers leaving within five minutes is no ordinary day.
  breaker: {
    windowMs: 5 * MINUTE_MS,
    leastRejected: 10,
    rejectedShare: 0.1,
    acceptedShare: 0.8,
    acceptedForMs: DAY_MS,
    leastMisconfigured: 3,
    probeMs: 15 * SECOND_MS,
    vouchWithinMs: DAY_MS,
    vouchWithinRefusals: 8,
  },
  // Twice the 60 s after which common gateways give up (nginx, AWS load balancers): by then a longer
  // wait brings no answer.
  answerTimeoutMs: 2 * MINUTE_MS,
};
