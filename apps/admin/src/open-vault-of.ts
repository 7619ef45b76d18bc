import { readKeyRingText, UserError } from "@evergrant/runtime/command";
import type { Store } from "@evergrant/store";
import { openVault, parseKeyRing, SecretError, type TokenVault } from "@evergrant/store/secrets";
import type { AdminEnv } from "./env.ts";

/**
 * Opens the vault with the key ring that the environment names, for the commands that seal something.
 *
 * @throws UserError when there is no key ring, it cannot be read, or it is not the one of this database
 */
export async function openVaultOf(store: Store, env: AdminEnv): Promise<TokenVault> {
  const text = await readKeyRingText(env);
  try {
    return await openVault(store, parseKeyRing(text));
  } catch (error) {
    throw error instanceof SecretError ? new UserError(error.message, { cause: error }) : error;
  }
}
