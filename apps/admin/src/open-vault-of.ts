import { readFile } from "node:fs/promises";
import { UserError } from "@evergrant/runtime";
import type { Store } from "@evergrant/store";
import { openVault, parseKeyRing, SecretError, type TokenVault } from "@evergrant/store/secrets";
import type { AdminEnv } from "./env.ts";

/**
 * Opens the vault with the key ring that the environment names, for the commands that seal something.
 *
 * @throws UserError when there is no key ring, it cannot be read, or it is not the one of this database
 */
export async function openVaultOf(store: Store, env: AdminEnv): Promise<TokenVault> {
  const text = await readKeyRing(env);
  try {
    return await openVault(store, parseKeyRing(text));
  } catch (error) {
    throw error instanceof SecretError ? new UserError(error.message, { cause: error }) : error;
  }
}

async function readKeyRing(env: AdminEnv): Promise<string> {
  const { EVERGRANT_KEY_RING: text, EVERGRANT_KEY_RING_FILE: path } = env;
  if (text !== undefined) return text;
  if (path === undefined) {
    throw new UserError(
      "no key ring: set EVERGRANT_KEY_RING or EVERGRANT_KEY_RING_FILE to the one of the workers; make a first one with: evergrant key generate",
    );
  }
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new UserError(`cannot read the key ring ${path} of EVERGRANT_KEY_RING_FILE (${code})`, { cause: error });
  }
}
