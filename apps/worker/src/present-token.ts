import type { FailureOutcome, Outcome } from "@evergrant/core";
import { refresh, type TokenClient } from "@evergrant/providers";
import { SecretError, type TokenVault } from "@evergrant/store/secrets";
import type { AppCredentials } from "./app-credentials.ts";

/** A sealed refresh token and the place that it was sealed for. */
export interface PresentedToken {
  readonly connectionId: string;
  readonly generation: number;
  readonly refreshToken: Uint8Array;
}

export interface PresentedAnswer {
  readonly outcome: Outcome;
  /** The client secret that the outcome belongs to; null when none was sent. */
  readonly secretId: bigint | null;
}

/** Why nothing was asked: the stored token does not open with this worker's keys. */
export const UNDECRYPTABLE_TOKEN = "undecryptable_token";

/**
 * Presents a refresh token at its provider; never throws for what a provider does.
 *
 * @param mayBegin asked in the last moment before anything is sent; false: the outcome is `unavailable`
 */
export type PresentToken = (
  token: PresentedToken,
  app: AppCredentials,
  mayBegin: () => boolean,
) => Promise<PresentedAnswer>;

/** What keeps us from asking at all is the app's fault or ours, never the customer's. */
export function createPresentToken(client: TokenClient, vault: TokenVault): PresentToken {
  return async ({ connectionId, generation, refreshToken: sealed }, app, mayBegin) => {
    if (app.fault !== null) return { outcome: notAsked(app.fault), secretId: null };
    const refreshToken = open(vault, { connectionId, field: "refreshToken", generation }, sealed);
    if (refreshToken === null) return { outcome: notAsked(UNDECRYPTABLE_TOKEN), secretId: null };
    const { outcome, secretIndex } = await refresh({
      client,
      descriptor: app.descriptor,
      clientId: app.clientId,
      clientSecrets: app.secrets.map((secret) => secret.value),
      refreshToken,
      mayBegin,
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
