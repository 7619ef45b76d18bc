import { openStore, requireMigrated, type Store } from "@evergrant/store";
import { type AdminEnv, readAdminEnv } from "./env.ts";
import type { Io } from "./io.ts";

/**
 * Opens the store for the time of one command and closes it, whatever the command does.
 *
 * @throws ConfigurationError when the environment cannot be used; NotMigratedError; what the work throws otherwise
 */
export async function withStore<Result>(
  io: Io,
  work: (fleet: { readonly store: Store; readonly env: AdminEnv }) => Promise<Result>,
): Promise<Result> {
  const env = readAdminEnv(io);
  await requireMigrated({ databaseUrl: env.DATABASE_URL });
  const store = openStore({ databaseUrl: env.DATABASE_URL, poolSize: 2, applicationName: "evergrant admin" });
  try {
    return await work({ store, env });
  } finally {
    await store.close();
  }
}
