import type { Store } from "../client.ts";
import { createWrappedKey, type DataKey, type DataKeyPurpose, rewrapDataKey, unwrapDataKey } from "./data-key.ts";
import type { KeyRing } from "./key-ring.ts";
import { SecretError } from "./secret-error.ts";
import { createTokenVault, type TokenVault } from "./token-vault.ts";

const purposes: readonly DataKeyPurpose[] = ["tokens", "fingerprints"];

/**
 * Opens the vault over the data keys in the database, and makes them when there are none yet. Any
 * number of processes may do so at once: they end up with the same keys.
 *
 * Every stored data key is unwrapped before anything is written, so a wrong ring changes nothing.
 *
 * @throws SecretError when the ring lacks a key that is in use, or holds another under its name; and when there are no
 *   data keys, but tokens or client secrets that were encrypted under some
 */
export async function openVault(store: Pick<Store, "prisma">, ring: KeyRing): Promise<TokenVault> {
  let dataKeys = await loadDataKeys(store, ring);
  const missing = purposes.filter((purpose) => !dataKeys.some((key) => key.purpose === purpose));
  if (missing.length > 0) {
    const isFirst = !(await hasCiphertexts(store));
    if (isFirst) await createDataKeys(store, ring, missing);
    dataKeys = await loadDataKeys(store, ring);
    // Another process may have made them, and stored something, between the two looks.
    if (!isFirst && purposes.some((purpose) => !dataKeys.some((key) => key.purpose === purpose))) {
      throw new SecretError(
        "The table data_key has lost its rows: the stored tokens and client secrets cannot be read without them. Restore it from a backup; nothing was changed.",
      );
    }
  }
  const tokenKeys = dataKeys.filter((key) => key.purpose === "tokens");
  const fingerprintKey = dataKeys.find((key) => key.purpose === "fingerprints");
  if (tokenKeys.length === 0 || fingerprintKey === undefined)
    throw new SecretError("The table data_key does not keep the keys put into it.");
  return createTokenVault(tokenKeys, fingerprintKey.key);
}

/**
 * Wraps every data key anew under the ring's primary key, in one transaction; tokens stay as they
 * are. Processes that run are not disturbed; those that start afterwards need the primary key. When
 * it has resolved, no other key of the ring is in use.
 *
 * @returns how many were under another key before
 * @throws SecretError as openVault does; nothing is changed then
 */
export async function rewrapDataKeys({ prisma }: Pick<Store, "prisma">, ring: KeyRing): Promise<number> {
  return prisma.$transaction(async (tx) => {
    // Keys that another process makes meanwhile would be missed by a plain read.
    await tx.$executeRaw`LOCK TABLE data_key IN SHARE ROW EXCLUSIVE MODE`;
    const rows = await tx.dataKey.findMany();
    const old = rows.filter((row) => row.ringKeyId !== ring.primary.id);
    for (const row of old) {
      const data = { wrapped: rewrapDataKey(row, ring), ringKeyId: ring.primary.id };
      await tx.dataKey.update({ where: { id: row.id }, data });
    }
    return old.length;
  });
}

async function loadDataKeys({ prisma }: Pick<Store, "prisma">, ring: KeyRing): Promise<DataKey[]> {
  const rows = await prisma.dataKey.findMany({ orderBy: { version: "asc" } });
  return rows.map((row) => unwrapDataKey(row, ring));
}

async function hasCiphertexts({ prisma }: Pick<Store, "prisma">): Promise<boolean> {
  const [row] = await prisma.$queryRaw<{ found: boolean }[]>`
    SELECT EXISTS (SELECT FROM token_set) OR EXISTS (SELECT FROM client_secret) AS found`;
  return row?.found ?? false;
}

async function createDataKeys(
  { prisma }: Pick<Store, "prisma">,
  ring: KeyRing,
  missing: readonly DataKeyPurpose[],
): Promise<void> {
  const version = 1;
  await prisma.dataKey.createMany({
    data: missing.map((purpose) => ({
      purpose,
      version,
      ringKeyId: ring.primary.id,
      wrapped: createWrappedKey(purpose, version, ring.primary),
    })),
    // Another process was first: its key counts.
    skipDuplicates: true,
  });
}
