import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { openQueuePlace } from "./backend-under-test.ts";

test("a process outlives the loss of the session whose lock it holds, and says so", async () => {
  const place = await openQueuePlace("postgres");
  onTestFinished(() => place.leave());
  const ended = place.open().alone("tick", async () => {
    const other = new pg.Client({ connectionString: place.databaseUrl });
    await other.connect();
    const { rowCount } = await other.query(`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND state = 'idle in transaction'`);
    expect(rowCount).toBe(1);
    await expect
      .poll(async () => {
        const { rows } = await other.query("SELECT FROM pg_locks WHERE locktype = 'advisory'");
        return rows.length;
      })
      .toBe(0);
    await other.end();
  });
  await expect(ended).rejects.toThrow();
});
