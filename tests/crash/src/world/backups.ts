import type { Postgres } from "./postgres.ts";

/** Backups of the table of tokens: one that is some seconds old, and the one after it. */
export const older = "crash_backup_older";
export const newer = "crash_backup_newer";
const latest = "crash_backup_latest";

/** What a token set consists of. */
export const columns = ["generation", "refresh_token", "access_token", "fingerprint", "secret_id", "stored_at"];

/** Makes a backup; the one before it becomes the older one. */
export async function backUp({ session }: Postgres): Promise<void> {
  await session(async (query) => {
    await query("BEGIN");
    await query(`DROP TABLE IF EXISTS ${older}`);
    await query(`ALTER TABLE IF EXISTS ${latest} RENAME TO ${older}`);
    await query(`CREATE TABLE ${latest} AS SELECT *, clock_timestamp() AS backed_up_at FROM token_set`);
    await query("COMMIT");
  });
}
