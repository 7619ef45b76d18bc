import type { ProviderDescriptor } from "@evergrant/core";
import type { TokenVault } from "@evergrant/store/secrets";
import type { AppCredentials, SealedApp } from "./app-credentials.ts";

/**
 * Opens an app's client secrets and resolves its descriptor. What is wrong with one app becomes its
 * `fault`, so that it keeps no other from being refreshed.
 */
export function openApp(
  app: SealedApp,
  vault: Pick<TokenVault, "openClientSecret">,
  resolveDescriptor: (provider: string, stored: unknown) => ProviderDescriptor,
): AppCredentials {
  const descriptor = attempt(() => resolveDescriptor(app.provider, app.descriptor));
  const secrets = attempt(() =>
    app.secrets.map(({ id, ciphertext }) => ({ id, value: vault.openClientSecret({ appId: app.id }, ciphertext) })),
  );
  const common = { appId: app.id, clientId: app.clientId, secrets: secrets ?? [] };
  if (descriptor === null) {
    // The built-in defaults carry the failure: when to try again, what to call the provider.
    return { ...common, descriptor: resolveDescriptor("generic", FALLBACK), fault: "unusable_descriptor" };
  }
  const fault = faultOf(descriptor, secrets);
  return { ...common, descriptor, fault };
}

const FALLBACK = { tokenUrl: "https://127.0.0.1/unusable-descriptor" };

function faultOf(descriptor: ProviderDescriptor, secrets: readonly unknown[] | null): string | null {
  if (secrets === null) return "undecryptable_client_secret";
  return secrets.length === 0 && descriptor.clientAuthentication !== "none" ? "no_client_secret" : null;
}

function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}
