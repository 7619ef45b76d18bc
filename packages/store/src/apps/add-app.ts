import type { Store } from "../client.ts";
import type { Prisma } from "../generated/client.ts";
import type { TokenVault } from "../secrets/index.ts";
import type { OAuthApp } from "./oauth-app.ts";

/** What a new app is registered with. */
export interface AppToAdd
  extends Pick<OAuthApp, "id" | "provider" | "environment" | "clientId" | "maxConcurrent" | "maxPerSecond"> {
  /** JSON as the user wrote it, already checked. */
  readonly descriptor: Readonly<Record<string, unknown>>;
  /** Null for a public client. */
  readonly clientSecret: string | null;
}

/**
 * Registers an OAuth app with its first client secret, both or neither.
 *
 * @returns false when the id is taken; nothing was changed then
 * @throws the driver's error when the database is away
 */
export async function addApp({ prisma }: Pick<Store, "prisma">, vault: TokenVault, app: AppToAdd): Promise<boolean> {
  const { clientSecret, descriptor, ...columns } = app;
  const data = { ...columns, descriptor: descriptor as Prisma.InputJsonObject };
  const secrets = clientSecret === null ? [] : [vault.sealClientSecret({ appId: app.id }, clientSecret)];
  return prisma.$transaction(async (tx) => {
    const added = await tx.oAuthApp.createMany({ data, skipDuplicates: true });
    if (added.count === 0) return false;
    await tx.clientSecret.createMany({ data: secrets.map((ciphertext) => ({ appId: app.id, ciphertext })) });
    return true;
  });
}
