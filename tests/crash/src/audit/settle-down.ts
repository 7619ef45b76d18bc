import { lifetimeMs } from "../world/apps.ts";
import type { World } from "../world/world.ts";

const settledWithinMs = 120_000;
const lookEveryMs = 250;
/** Of a fleet at rest, every connection is due within a lifetime, and none has been for as long. */
const dueWithinMs = lifetimeMs;

/**
 * Waits after the last fault until nothing of it is left: every fault that was felt is over, no refresh is
 * claimed by nobody, the escrow is empty, and every grant that is lost has been recognized as such.
 *
 * @returns what is still open after two minutes; nothing when all is well
 */
export async function settleDown(world: World): Promise<string[]> {
  const deadline = Date.now() + settledWithinMs;
  for (;;) {
    const open = await whatIsOpen(world).catch((error: unknown) => [String(error)]);
    if (open.length === 0 || Date.now() > deadline) return open;
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

async function whatIsOpen({ postgres, holdings, recovery, leaseMs }: World): Promise<string[]> {
  const [row] = await postgres.query<{ orphans: number; struck: number; breakers: number; adrift: number }>(
    `SELECT (SELECT count(*)::int FROM refresh_intent WHERE claimed_at < clock_timestamp() - $1 * interval '1 ms') AS orphans,
            (SELECT count(*)::int FROM connection WHERE state = 'active' AND strikes > 0) AS struck,
            (SELECT count(*)::int FROM oauth_app WHERE breaker_state <> 'closed') AS breakers,
            (SELECT count(*)::int FROM connection WHERE state = 'active' AND mode <> 'off' AND (due_at IS NULL
               OR due_at NOT BETWEEN clock_timestamp() - $2 * interval '1 ms' AND clock_timestamp() + $2 * interval '1 ms')) AS adrift`,
    [2 * leaseMs, dueWithinMs],
  );
  const waiting = await holdings.countEscrow();
  const open: [number, string][] = [
    [recovery.open.length, "faults are still felt"],
    [row?.orphans ?? 0, "refreshes were claimed long ago and not settled"],
    [row?.struck ?? 0, "connections have a strike and are neither ended nor refreshed"],
    [row?.breakers ?? 0, "breakers are not closed"],
    [row?.adrift ?? 0, "connections have no due time, or one that is long past or far ahead"],
    [waiting, "settlements wait in the escrow"],
  ];
  return open.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
}
