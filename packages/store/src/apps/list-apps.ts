import type { Store } from "../client.ts";
import { type OAuthApp, toOAuthApp } from "./oauth-app.ts";

/** An app as people see it: how many secrets it has, not which. */
export interface OAuthAppSummary extends OAuthApp {
  readonly secrets: number;
}

/** Every app, by id. No secret is read. */
export async function listApps({ prisma }: Pick<Store, "prisma">): Promise<OAuthAppSummary[]> {
  const rows = await prisma.oAuthApp.findMany({
    include: { _count: { select: { secrets: true } } },
    orderBy: { id: "asc" },
  });
  return rows.map((row) => ({ ...toOAuthApp(row), secrets: row._count.secrets }));
}
