import type { Store } from "../client.ts";
import type { TokenVault } from "../secrets/index.ts";

/** How many secrets an app has after a change, and how many were retired by it. */
export interface ClientSecretChange {
  readonly secrets: number;
  readonly retired: number;
}

/**
 * Puts a client secret in front of those an app has. The older ones stay as a fallback, since a
 * provider may take a while to know the new one, unless they are retired in the same transaction.
 *
 * @returns null when there is no such app
 * @throws the driver's error when the database is away
 */
export async function addClientSecret(
  { prisma }: Pick<Store, "prisma">,
  vault: TokenVault,
  {
    appId,
    clientSecret,
    retireOld,
  }: { readonly appId: string; readonly clientSecret: string; readonly retireOld: boolean },
): Promise<ClientSecretChange | null> {
  const ciphertext = vault.sealClientSecret({ appId }, clientSecret);
  return prisma.$transaction(async (tx) => {
    if ((await tx.oAuthApp.count({ where: { id: appId } })) === 0) return null;
    const { id } = await tx.clientSecret.create({
      data: { appId, ciphertext: Uint8Array.from(ciphertext) },
      select: { id: true },
    });
    const retired = retireOld ? await tx.clientSecret.deleteMany({ where: { appId, id: { lt: id } } }) : { count: 0 };
    return { secrets: await tx.clientSecret.count({ where: { appId } }), retired: retired.count };
  });
}
