import type { World } from "../world/world.ts";

const most = 5;

/** For the journal: whatever can be seen of connections that a fault kept waiting for too long. */
export async function describeWaiting({ recovery, postgres, redis, backend }: World): Promise<object> {
  const ids = [...new Set(recovery.open.flatMap(({ connectionIds }) => connectionIds))];
  const shown = ids.slice(0, most);
  const rows = await postgres.query(
    `SELECT c.*, to_jsonb(i) - 'fingerprint' AS intent, clock_timestamp() AS now
     FROM connection c LEFT JOIN refresh_intent i ON i.connection_id = c.id WHERE c.id = ANY($1)`,
    [shown],
  );
  return {
    waiting: ids.length,
    rows,
    queue: backend === "postgres" ? await jobs(postgres, shown) : await keys(redis, shown),
  };
}

async function jobs({ query }: World["postgres"], ids: readonly string[]): Promise<object> {
  const found = await query("SELECT * FROM evergrant_queue.job WHERE data->>'connectionId' = ANY($1)", [ids]);
  const dedup = await query("SELECT * FROM evergrant_queue.dedup WHERE dedup_id = ANY($1)", [ids]).catch(String);
  return { jobs: found, dedup };
}

/** The keys by which the queue knows that a job of the connection waits or runs, and the jobs that they name. */
async function keys(redis: World["redis"], ids: readonly string[]): Promise<object> {
  const found: Record<string, unknown> = {};
  if (redis === null) return found;
  for (const id of ids) {
    for (const key of (await redis.command("KEYS", `*:de:${id}`)) as string[]) {
      const job = String(await redis.command("GET", key));
      found[key] = { job, hash: await redis.command("HGETALL", key.replace(/de:.*$/, job)) };
    }
  }
  return found;
}
