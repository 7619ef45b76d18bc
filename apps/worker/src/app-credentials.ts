import type { ProviderDescriptor } from "@evergrant/core";

/** What a token request of one OAuth app needs. Secrets are in the clear: this never leaves the worker. */
export interface AppCredentials {
  readonly appId: string;
  readonly descriptor: ProviderDescriptor;
  readonly clientId: string;
  /** Newest first; older ones are tried after it. */
  readonly secrets: readonly { readonly id: bigint; readonly value: string }[];
  /** Why this app cannot be asked for at all; null when it can. */
  readonly fault: string | null;
}

/** An OAuth app as stored, its client secrets still sealed. */
export interface SealedApp {
  readonly id: string;
  readonly provider: string;
  readonly clientId: string;
  readonly descriptor: unknown;
  readonly secrets: readonly { readonly id: bigint; readonly ciphertext: Uint8Array }[];
}

/** A change of secrets or descriptor reaches every worker within this time. */
const FRESH_FOR_MS = 2_000;

/**
 * Reads credentials of all apps at once and keeps them for two seconds. Single-flight: a thousand
 * refreshes at once cost one read. While the database is away the last known ones serve.
 */
export function createCredentialCache(parts: {
  readonly load: () => Promise<readonly SealedApp[]>;
  readonly open: (app: SealedApp) => AppCredentials;
  readonly monotonicMs: () => number;
}): { all(): Promise<ReadonlyMap<string, AppCredentials>> } {
  let known: ReadonlyMap<string, AppCredentials> | null = null;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<ReadonlyMap<string, AppCredentials>> | null = null;

  const read = async () => {
    try {
      const apps = await parts.load();
      known = new Map(apps.map((app) => [app.id, parts.open(app)]));
      readAt = parts.monotonicMs();
      return known;
    } catch (error) {
      if (known === null) throw error;
      return known;
    } finally {
      reading = null;
    }
  };

  return {
    async all() {
      if (known !== null && parts.monotonicMs() - readAt < FRESH_FOR_MS) return known;
      reading ??= read();
      return reading;
    },
  };
}
