import type { ProviderKind } from "../ledger/provider-rules.ts";

/** Host names of the real providers. A request that carries one (an SDK behind a proxy) is served as that kind. */
export const realHosts: ReadonlyMap<string, ProviderKind> = new Map([
  ["identity.xero.com", "xero"],
  ["api.xero.com", "xero"],
  ["oauth.platform.intuit.com", "quickbooks"],
  ["developer.api.intuit.com", "quickbooks"],
]);

/** Where a provider's parts live, as its discovery document names them. */
export interface ProviderBase {
  issuer: string;
  /** Prefix of the endpoints on the identity host. */
  identity: string;
  /** Prefix of the endpoints on the API host. */
  api: string;
}

/** The addresses to put into answers: the provider's own where the request came for those, else the simulator's. */
export function providerBase(kind: ProviderKind, host: string): ProviderBase {
  if (realHosts.get(host) === "xero") {
    return { issuer: "https://identity.xero.com", identity: "https://identity.xero.com", api: "https://api.xero.com" };
  }
  if (realHosts.get(host) === "quickbooks") {
    return {
      issuer: quickbooksIssuer,
      identity: "https://oauth.platform.intuit.com",
      api: "https://developer.api.intuit.com",
    };
  }
  const base = `http://${host}/${kind}`;
  return { issuer: kind === "quickbooks" ? quickbooksIssuer : base, identity: base, api: base };
}

/** intuit-oauth compares an id_token's issuer with this very text, whatever endpoints it was given. */
const quickbooksIssuer = "https://oauth.platform.intuit.com/op/v1";
