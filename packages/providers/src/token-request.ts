import type { ProviderDescriptor } from "@evergrant/core";
import { USER_AGENT } from "./user-agent.ts";

/** One refresh to ask for. */
export interface TokenRequest {
  readonly descriptor: ProviderDescriptor;
  readonly clientId: string;
  /** Null for a public client: then the id goes into the form whatever the descriptor says. */
  readonly clientSecret: string | null;
  readonly refreshToken: string;
}

/** The HTTP request it comes to. Headers and body hold secrets. */
export interface HttpTokenRequest {
  readonly origin: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The refresh request of RFC 6749 section 6, with the client authentication of section 2.3.1. Pure.
 *
 * @throws TypeError when the descriptor's token URL is none
 */
export function buildTokenRequest({
  descriptor,
  clientId,
  clientSecret,
  refreshToken,
}: TokenRequest): HttpTokenRequest {
  const url = new URL(descriptor.tokenUrl);
  const form = new URLSearchParams({
    ...descriptor.requestParameters,
    grant_type: "refresh_token",
    refresh_token: refreshToken,
  });
  const isBasic = clientSecret !== null && descriptor.clientAuthentication === "basic";
  if (!isBasic) form.set("client_id", clientId);
  if (clientSecret !== null && descriptor.clientAuthentication === "post") form.set("client_secret", clientSecret);
  return {
    origin: url.origin,
    path: `${url.pathname}${url.search}`,
    headers: {
      accept: "application/json",
      "user-agent": USER_AGENT,
      ...descriptor.requestHeaders,
      "accept-encoding": "identity",
      "content-type": "application/x-www-form-urlencoded",
      ...(isBasic ? { authorization: basicCredentials(clientId, clientSecret) } : {}),
    },
    body: form.toString(),
  };
}

/** Both parts are form-encoded before they are joined (RFC 6749 section 2.3.1, appendix B). */
function basicCredentials(clientId: string, clientSecret: string): string {
  const pair = `${formEncode(clientId)}:${formEncode(clientSecret)}`;
  return `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
}

function formEncode(text: string): string {
  return new URLSearchParams([["", text]]).toString().slice(1);
}
