import { type AppUnderTest, breakerWindowMs } from "../world/apps.ts";
import type { World } from "../world/world.ts";
import { NotPlaced } from "./fault.ts";

/** Twice the refusals that a breaker has to see in its window. */
const leastRefreshed = 20;

/**
 * A breaker knows a wave by ten first refusals before the first second one: what an app's connections are asked for
 * less often than that, it does not protect. After an outage they wait out their retries, and few are asked.
 *
 * @throws NotPlaced unless enough connections of each app were refreshed in a breaker's window just now
 */
export async function requireBusy({ postgres }: World, apps: readonly AppUnderTest[]): Promise<void> {
  const busy = await postgres.query<{ id: string }>(
    `SELECT app_id AS id FROM connection
     WHERE app_id = ANY($1) AND last_refreshed_at > clock_timestamp() - $2 * interval '1 ms'
     GROUP BY app_id HAVING count(*) >= $3`,
    [apps.map(({ id }) => id), breakerWindowMs, leastRefreshed],
  );
  const idle = apps.filter(({ id }) => !busy.some((app) => app.id === id));
  if (idle.length > 0) throw new NotPlaced(`${idle.map(({ id }) => id).join(" and ")} is hardly asked`);
}
