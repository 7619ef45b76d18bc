import { openStore, type Store } from "@evergrant/store";
import type { AdminEnv } from "../env.ts";

/** Where refreshes are asked for. */
export type RefreshSource = Pick<Store, "prisma" | "close">;

/** Opens the database for the few statements of a refresh. Nothing is connected before the first. */
export function openSource(env: AdminEnv): RefreshSource {
  return openStore({ databaseUrl: env.DATABASE_URL, poolSize: 2, applicationName: "evergrant refresh" });
}
