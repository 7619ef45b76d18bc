import type { Store } from "../client.ts";
import { type OAuthApp, toOAuthApp } from "./oauth-app.ts";

/** An app with what is needed to act in its name. */
export interface OAuthAppWithSecrets extends OAuthApp {
  /** The one to try first comes first; none for a public client. */
  readonly secrets: readonly { readonly id: bigint; readonly ciphertext: Uint8Array }[];
}

/** Every app with the ciphertexts of its client secrets, by id. */
export async function loadApps({ prisma }: Pick<Store, "prisma">): Promise<OAuthAppWithSecrets[]> {
  const rows = await prisma.oAuthApp.findMany({
    include: { secrets: { select: { id: true, ciphertext: true }, orderBy: { id: "desc" } } },
    orderBy: { id: "asc" },
  });
  return rows.map((row) => ({ ...toOAuthApp(row), secrets: row.secrets }));
}
