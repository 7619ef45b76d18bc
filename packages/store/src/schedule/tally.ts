import type { Store } from "../client.ts";

/**
 * Merges the minute rows of all processes older than `olderThanMs` into one row per hour. Sums stay
 * what they were, so a counter read from the tally never goes back. Two that run at once are safe:
 * a row is merged by whoever deletes it.
 *
 * @returns how many rows were merged away
 */
export async function compactTally({ prisma }: Pick<Store, "prisma">, olderThanMs: number): Promise<number> {
  return prisma.$executeRaw`
    WITH old AS (
      DELETE FROM refresh_tally
      WHERE process <> '' AND bucket_at < date_trunc('hour', now() - ${olderThanMs}::bigint * interval '1 millisecond')
      RETURNING *
    )
    INSERT INTO refresh_tally AS t (bucket_at, app_id, outcome, cause, process, refreshes,
                                    duration_ms_sum, lateness_ms_sum, lateness_ms_max)
    SELECT date_trunc('hour', bucket_at), app_id, outcome, cause, '', sum(refreshes),
           sum(duration_ms_sum), sum(lateness_ms_sum), max(lateness_ms_max)
    FROM old GROUP BY 1, 2, 3, 4
    ON CONFLICT (bucket_at, app_id, outcome, cause, process) DO UPDATE
      SET refreshes = t.refreshes + excluded.refreshes,
          duration_ms_sum = t.duration_ms_sum + excluded.duration_ms_sum,
          lateness_ms_sum = t.lateness_ms_sum + excluded.lateness_ms_sum,
          lateness_ms_max = greatest(t.lateness_ms_max, excluded.lateness_ms_max)`;
}
