import { type PendingOptions, pendingMigrations } from "./migrate-pending.ts";

/** The database is older than this release. The message is one line that says what to do. */
export class NotMigratedError extends Error {
  override readonly name = "NotMigratedError";

  constructor(pending: readonly string[]) {
    const are = pending.length === 1 ? "migration is" : "migrations are";
    super(`${pending.length} ${are} pending in the database: run \`evergrant migrate\`, then start again.`);
  }
}

/**
 * Passes when the database has every migration of this release.
 *
 * @throws NotMigratedError when it lacks one; the driver's error when it is away
 */
export async function requireMigrated(options: PendingOptions): Promise<void> {
  const pending = await pendingMigrations(options);
  if (pending.length > 0) throw new NotMigratedError(pending);
}
