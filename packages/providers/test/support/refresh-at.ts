import type { Outcome, ProviderDescriptor } from "@evergrant/core";
import { onTestFinished } from "vitest";
import {
  createTokenClient,
  type RefreshRequest,
  refresh,
  resolveDescriptor,
  type TokenClient,
  type TokenClientOptions,
  type TokenRequest,
} from "../../src/index.ts";
import { type Respond, startTokenEndpoint } from "./token-endpoint.ts";

export const CLIENT_ID = "client-1";
export const CLIENT_SECRET = "s3cret-of-client-1";
export const REFRESH_TOKEN = "RT1-39-H3-presented-token";

/** A client that is closed when the test ends. */
export function openClient(options: TokenClientOptions = {}): TokenClient {
  const client = createTokenClient(options);
  onTestFinished(() => client.close());
  return client;
}

/** The defaults of RFC 6749 at an address of the test's own, whatever it is. */
export function descriptorAt(tokenUrl: string, changes: Partial<ProviderDescriptor> = {}): ProviderDescriptor {
  const base = resolveDescriptor("sample", { tokenUrl: "http://127.0.0.1/token" });
  return { ...base, tokenUrl, ...changes };
}

/** What a client is asked, at an address of the test's own. */
export function requestAt(tokenUrl: string, answerTimeoutMs = 10_000): TokenRequest {
  const descriptor = descriptorAt(tokenUrl, { answerTimeoutMs });
  return { descriptor, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, refreshToken: REFRESH_TOKEN };
}

export function requestTo(
  descriptor: ProviderDescriptor,
  client: Pick<TokenClient, "ask">,
  changes: Partial<RefreshRequest> = {},
): RefreshRequest {
  const request = { client, descriptor, clientId: CLIENT_ID, clientSecrets: [CLIENT_SECRET] };
  return { ...request, refreshToken: REFRESH_TOKEN, ...changes };
}

/** What a refresh comes to at a server that answers as told. */
export async function refreshAt(respond: Respond, changes: Partial<ProviderDescriptor> = {}): Promise<Outcome> {
  const endpoint = await startTokenEndpoint(respond);
  const { outcome } = await refresh(requestTo(descriptorAt(endpoint.url, changes), openClient()));
  return outcome;
}
