import { openStore } from "@evergrant/store";
import { openVault, parseKeyRing, type TokenVault } from "@evergrant/store/secrets";

/** Seals and opens the plain worker's tokens: Evergrant's own encryption, so that both sides pay the same for it. */
export interface PlainVault {
  seal(id: string, field: Field, token: string): Uint8Array<ArrayBuffer>;
  open(id: string, field: Field, sealed: Uint8Array): string;
}

type Field = "refreshToken" | "accessToken";

/** A plain table counts no generations. */
const generation = 1;

export async function openPlainVault(databaseUrl: string, keyRing: string): Promise<PlainVault> {
  const vault = await openVaultOf(databaseUrl, keyRing);
  return {
    seal: (connectionId, field, token) => vault.sealToken({ connectionId, field, generation }, token),
    open: (connectionId, field, sealed) => vault.openToken({ connectionId, field, generation }, sealed),
  };
}

async function openVaultOf(databaseUrl: string, keyRing: string): Promise<TokenVault> {
  const store = openStore({ databaseUrl, applicationName: "plain-vault" });
  try {
    return await openVault(store, parseKeyRing(keyRing));
  } finally {
    await store.close();
  }
}
