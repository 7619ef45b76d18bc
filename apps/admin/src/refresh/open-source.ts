import { type OpenQuerySource, openQuerySource } from "@evergrant/store/requests";
import type { AdminEnv } from "../env.ts";

/** Where refreshes are asked for. */
export type RefreshSource = OpenQuerySource;

/** Opens the database for the few statements of a refresh. Nothing is connected before the first. */
export function openSource(env: AdminEnv): RefreshSource {
  return openQuerySource({ databaseUrl: env.DATABASE_URL, applicationName: "evergrant refresh" });
}
