import type { FailureOutcome, Outcome } from "@evergrant/core";
import { refresh, type TokenClient } from "@evergrant/providers";
import type { Claim } from "@evergrant/store";
import { SecretError, type TokenVault } from "@evergrant/store/secrets";
import type { AppCredentials } from "./app-credentials.ts";

/** Presents the claimed refresh token at its provider; never throws for what a provider does. */
export type PresentToken = (
  claim: Claim,
  app: AppCredentials,
) => Promise<{ readonly outcome: Outcome; readonly secretId: bigint | null }>;

/** What keeps us from asking at all is the app's fault or ours, never the customer's. */
export function createPresentToken(client: TokenClient, vault: TokenVault): PresentToken {
  return async (claim, app) => {
    if (app.fault !== null) return { outcome: notAsked(app.fault), secretId: null };
    const place = { connectionId: claim.connection.id, field: "refreshToken", generation: claim.generation } as const;
    const refreshToken = open(vault, place, claim.refreshToken);
    if (refreshToken === null) return { outcome: notAsked("undecryptable_token"), secretId: null };
    const { outcome, secretIndex } = await refresh({
      client,
      descriptor: app.descriptor,
      clientId: app.clientId,
      clientSecrets: app.secrets.map((secret) => secret.value),
      refreshToken,
    });
    return { outcome, secretId: secretIndex === null ? null : (app.secrets[secretIndex]?.id ?? null) };
  };
}

function open(vault: TokenVault, place: Parameters<TokenVault["openToken"]>[0], sealed: Uint8Array): string | null {
  try {
    return vault.openToken(place, sealed);
  } catch (error) {
    if (error instanceof SecretError) return null;
    throw error;
  }
}

function notAsked(reason: string): FailureOutcome {
  const evidence = { status: null, requestId: null, error: null, errorDescription: null };
  return { kind: "misconfigured", reason, retryAfterMs: null, mayHaveRotated: false, evidence };
}
