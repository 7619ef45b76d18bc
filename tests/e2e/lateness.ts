import { withClient } from "@evergrant/testkit";

/** How late the refreshes of each app began: milliseconds, a figure for each that fell due. */
export type Lateness = ReadonlyMap<string, readonly number[]>;

/** From now on the database notes for each claim how long its connection had been due, as the workers count it. */
export async function recordLateness(databaseUrl: string): Promise<void> {
  await withClient(databaseUrl, (client) =>
    client.query(`
      CREATE UNLOGGED TABLE test_lateness (app_id text NOT NULL, lateness_ms float8 NOT NULL);
      CREATE FUNCTION note_lateness() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO test_lateness
          SELECT NEW.app_id, greatest(0, extract(epoch FROM NEW.claimed_at - c.due_at) * 1000)
          FROM connection c WHERE c.id = NEW.connection_id;
          RETURN NULL;
        END $$;
      CREATE TRIGGER note_lateness AFTER INSERT OR UPDATE OF intent_id ON refresh_intent
        FOR EACH ROW EXECUTE FUNCTION note_lateness()`),
  );
}

/**
 * What fell due while `work` went on. Who is still waiting at its end counts with the time waited so far: who is
 * starved never begins, and would else be missing from the figures.
 */
export async function latenessDuring(databaseUrl: string, work: () => Promise<void>): Promise<Lateness> {
  await withClient(databaseUrl, (client) => client.query("TRUNCATE test_lateness"));
  await work();
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query<{ appId: string; all: number[] }>(`
      SELECT app_id AS "appId", array_agg(lateness_ms) AS all FROM (
        SELECT app_id, lateness_ms FROM test_lateness
        UNION ALL
        SELECT c.app_id, extract(epoch FROM clock_timestamp() - c.due_at) * 1000 FROM connection c
        WHERE c.state = 'active' AND c.due_at < clock_timestamp()
          AND NOT EXISTS (SELECT 1 FROM refresh_intent i WHERE i.connection_id = c.id)
      ) AS lateness GROUP BY app_id`),
  );
  return new Map(rows.map((row) => [row.appId, row.all]));
}

/** The figure that so large a share of them, 0 to 1, does not exceed. */
export function percentile(figures: readonly number[], share: number): number {
  const sorted = figures.toSorted((one, other) => one - other);
  return sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
}
