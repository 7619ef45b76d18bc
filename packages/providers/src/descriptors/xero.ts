import type { ProviderDescriptor } from "@evergrant/core";
import { DAY_MS, MINUTE_MS } from "./durations.ts";
import { genericDefaults } from "./generic.ts";

/**
 * Xero. Every refresh brings a new refresh token; a spent one works again for a while, so a lost
 * answer can be made good.
 */
export const xero: ProviderDescriptor = {
  ...genericDefaults,
  provider: "xero",
  // Official SDK: XeroAPI/xero-node, src/XeroClient.ts.
  tokenUrl: "https://identity.xero.com/connect/token",
  // Official SDK: Basic for web apps. PKCE apps have no secret and send only their client id.
  clientAuthentication: "basic",
  lifetimes: {
    // developer.xero.com/faq/oauth2: access tokens live 30 minutes.
    accessTokenMs: 30 * MINUTE_MS,
    // developer.xero.com/faq/oauth2: 60 days if unused, counted anew from each refresh. Answers do not
    // say so: it has to be computed.
    inactivityMs: 60 * DAY_MS,
  },
  // developer.xero.com/faq/oauth2: when the answer was lost, the existing refresh token can be retried
  // for 30 minutes.
  graceMs: 30 * MINUTE_MS,
  schedule: {
    mode: "fresh",
    leadMs: 5 * MINUTE_MS,
    // XeroAPI/xero-node#614: hundreds of refreshes within 1-2 s made some time out. 10,000 connections
    // imported at once come back over 5 minutes, not as one herd every 25.
    jitterMs: 5 * MINUTE_MS,
    // Ours to choose: eight chances inside the 60 days.
    keepaliveMs: 7 * DAY_MS,
    safetyMarginMs: 14 * DAY_MS,
  },
};
