import { judge, type Outcome, type ProviderDescriptor } from "@evergrant/core";
import type { AskOptions, TokenClient } from "./token-client.ts";

export interface RefreshRequest extends AskOptions {
  readonly client: Pick<TokenClient, "ask">;
  readonly descriptor: ProviderDescriptor;
  readonly clientId: string;
  /** In the order to be tried; empty for a public client. */
  readonly clientSecrets: readonly string[];
  readonly refreshToken: string;
}

export interface RefreshResult {
  readonly outcome: Outcome;
  /** Place in `clientSecrets` of the secret that the outcome belongs to; null when none was sent. */
  readonly secretIndex: number | null;
}

/**
 * Presents one refresh token at its provider and judges the answer. Never rejects.
 *
 * While a client secret is being changed several are listed. A server authenticates the client before
 * it looks at the grant (RFC 6749 section 6), so an answer that refuses the secret has spent nothing,
 * and the next one may be tried with the same refresh token. One request is in flight at a time.
 */
export async function refresh(request: RefreshRequest): Promise<RefreshResult> {
  const { client, descriptor, clientId, refreshToken, mayBegin } = request;
  const isPublic = descriptor.clientAuthentication === "none" || request.clientSecrets.length === 0;
  const secrets = isPublic ? [null] : request.clientSecrets;
  const presentWith = async (clientSecret: string | null, index: number): Promise<RefreshResult> => {
    const answer = await client.ask({ descriptor, clientId, clientSecret, refreshToken }, { mayBegin });
    const outcome = judge(answer, descriptor, { refreshToken, clientSecret });
    return { outcome, secretIndex: isPublic ? null : index };
  };

  let result = await presentWith(secrets[0] ?? null, 0);
  for (const [index, secret] of secrets.entries()) {
    if (index > 0 && refusesSecret(result.outcome)) result = await presentWith(secret, index);
  }
  return result;
}

/** HTTP says with 401 what OAuth says with `invalid_client`, whatever the body calls it. */
function refusesSecret(outcome: Outcome): boolean {
  return outcome.kind === "misconfigured" && (outcome.reason === "invalid_client" || outcome.evidence.status === 401);
}
