import type { ProviderDescriptor } from "@evergrant/core";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "./durations.ts";
import { genericDefaults } from "./generic.ts";

/**
 * QuickBooks Online (Intuit), sandbox and production alike: both use one token endpoint. The refresh
 * token's value changes on the next refresh once about 24 hours have passed since it last did.
 */
export const quickbooks: ProviderDescriptor = {
  ...genericDefaults,
  provider: "quickbooks",
  // Official SDK: intuit/oauth-jsclient.
  tokenUrl: "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer",
  clientAuthentication: "basic",
  // Official SDK, 4.2.4 and later: asks for the field of the five-year cap.
  requestHeaders: { "x-include-refresh-token-hard-expires-in": "true" },
  fields: {
    ...genericDefaults.fields,
    // Official SDK fixtures. Every refresh moves it on.
    refreshTokenExpiresIn: "x_refresh_token_expires_in",
    // blogs.intuit.com/2025/11/12/important-changes-to-refresh-token-policy: five years from consent,
    // not extended by any refresh.
    refreshTokenHardExpiresIn: "x_refresh_token_hard_expires_in",
  },
  // Official SDK: on every answer, and what Intuit's support asks for.
  requestIdHeader: "intuit_tid",
  errorRules: [
    // Observed, by no official page: wrong app keys, or an access token sent in place of the refresh
    // token. The grant is untouched, so it is no strike against the customer.
    {
      error: "invalid_grant",
      descriptionIncludes: "Incorrect Token type or clientID",
      outcome: "misconfigured",
    },
  ],
  lifetimes: {
    // Official documentation: access tokens live an hour.
    accessTokenMs: 3600 * SECOND_MS,
    // Official SDK fixtures: 8,726,400 s. Some pages say 100 days; the number in an answer wins.
    inactivityMs: 101 * DAY_MS,
  },
  // Intuit documents no window in which a replaced refresh token may be retried.
  graceMs: 0,
  schedule: {
    mode: "keepalive",
    leadMs: 5 * MINUTE_MS,
    // A quarter of a day: an import is spread over hours by its second refresh.
    jitterMs: 6 * HOUR_MS,
    keepaliveMs: DAY_MS,
    safetyMarginMs: 14 * DAY_MS,
  },
};
