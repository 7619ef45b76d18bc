import type { Touched } from "../audit/losses.ts";
import { type AppUnderTest, lifetimeMs } from "../world/apps.ts";
import { columns, newer, older } from "../world/backups.ts";
import { acceptBreaker, isBreakerOpen } from "../world/caretaker.ts";
import type { World } from "../world/world.ts";
import { type FaultKind, type FaultRun, NotPlaced } from "./fault.ts";
import { becomes } from "./worker-at-work.ts";

/** After an outage all were refreshed at once: nobody may be due again for most of a refresh's interval. */
const breakerWithinMs = 30_000;
const closedWithinMs = 4_000;

/** Waits for every claim and settle that has read the table, so that what is under way can be seen. */
const lockTokens = "LOCK TABLE token_set IN ACCESS EXCLUSIVE MODE";

/**
 * Somebody restores the table of tokens from a backup, under load, and then the newer one again.
 *
 * Restoring is the operator's act, and so is what it costs: at a provider that ends a grant when a spent token
 * is presented, the first few are dead before anybody can know. These are listed apart, as lost to the
 * operator. What has to hold is the breaker: the wave of refusals opens it, nobody's grant is ended by us
 * meanwhile, and once the newer table is back every grant lives that its provider has not ended: only those that
 * it ended while the older table stood are the operator's.
 */
export const restoredTable: FaultKind = {
  kind: "token table restored from a backup, then restored forward",
  weight: 4,
  needs: ["postgres", "redis", "provider", "workers", "answers"],
  disturbs: ["settings", "tokens"],
  async inject(world, run) {
    const resume = world.caretaker.pause();
    await world.caretaker.pass();
    const risky = world.apps.filter((app) => !app.hasGrace);
    const obstacle = await whatIsInTheWay(world, risky);
    if (obstacle !== null) {
      resume();
      throw new NotPlaced(obstacle);
    }
    const startedAt = Date.now();
    const setBack = await restore(world, run);
    const ends = setBack.map(({ grantId }) => world.losses.risk(grantId));
    const areOpen = () => allOf(risky, (app) => isBreakerOpen(world.postgres, app.id));
    const haveOpened = await becomes(areOpen, breakerWithinMs);
    run.note({ breakersOpenedAfterMs: haveOpened ? Date.now() - startedAt : null });
    if (!haveOpened) world.unkept.push(`fault ${run.number}: the breakers did not open after the restore`);
    return {
      lastsMs: 2_000,
      async heal() {
        const riskIsOver = await restoreForward(world);
        // Where the newer tokens are good, a probe closes it; where grants have died, only the operator knows why.
        const haveClosed = () => allOf(risky, async (app) => !(await isBreakerOpen(world.postgres, app.id)));
        await becomes(haveClosed, closedWithinMs);
        for (const app of risky) await acceptBreaker(world, app.id);
        await bookEnded(world, setBack, startedAt);
        riskIsOver();
        for (const end of ends) end();
        resume();
      },
    };
  },
};

async function allOf(apps: readonly AppUnderTest[], holds: (app: AppUnderTest) => Promise<boolean>): Promise<boolean> {
  return (await Promise.all(apps.map(holds))).every(Boolean);
}

/** Among those not refreshed since an acceptance more may leave: a mistake that meets only some is not told apart. */
const acceptanceCoversMs = 2 * lifetimeMs;

/** Of each app's connections so many must have been refreshed since the backup: fewer are no wave. */
const leastSetBack = 0.25;

async function whatIsInTheWay({ postgres }: World, risky: readonly AppUnderTest[]): Promise<string | null> {
  const [row] = await postgres.query<{ hasBackup: boolean; isCovered: boolean }>(
    `SELECT to_regclass($1) IS NOT NULL AS "hasBackup",
            EXISTS (SELECT 1 FROM oauth_app
                    WHERE breaker_accepted_at > clock_timestamp() - $2 * interval '1 ms') AS "isCovered"`,
    [older, acceptanceCoversMs],
  );
  if (row?.hasBackup !== true) return "there is no backup yet";
  if (row.isCovered) return "an acceptance still covers connections";
  const moved = await postgres.query(
    `SELECT c.app_id FROM connection c JOIN token_set t ON t.connection_id = c.id
       LEFT JOIN ${older} o ON o.connection_id = c.id AND c.state_changed_at < o.backed_up_at
     WHERE c.app_id = ANY($1)
     GROUP BY c.app_id HAVING avg(coalesce(o.fingerprint <> t.fingerprint, false)::int) >= $2`,
    [risky.map((app) => app.id), leastSetBack],
  );
  return moved.length < risky.length ? "too few were refreshed since the backup" : null;
}

/**
 * The newest state is kept aside in the same transaction, so that nothing falls between the two. A connection
 * that has been given another grant since keeps that: its old one means nothing any more. One whose token was
 * still the same is at no risk, not even while its refresh is under way: the answer finds an older generation, is kept
 * as a candidate, and has to be presented before the token that it has spent.
 */
async function restore({ apps, postgres, population }: World, run: FaultRun): Promise<readonly Touched[]> {
  const risky = apps.filter((app) => !app.hasGrace).map((app) => app.id);
  let setBack: { readonly connectionId: string; readonly isRisky: boolean }[] = [];
  await postgres.session(async (query) => {
    await query("BEGIN");
    await query(lockTokens);
    await query(`DROP TABLE IF EXISTS ${newer}`);
    await query(`CREATE TABLE ${newer} AS SELECT * FROM token_set`);
    setBack = await query(
      `UPDATE token_set t SET ${assign("o")} FROM ${older} o JOIN connection c ON c.id = o.connection_id
         JOIN ${newer} n ON n.connection_id = o.connection_id
       WHERE o.connection_id = t.connection_id AND c.state_changed_at < o.backed_up_at
       RETURNING c.id AS "connectionId",
         c.app_id = ANY($1) AND n.fingerprint <> o.fingerprint AS "isRisky"`,
      [risky],
    );
    await query("COMMIT");
  });
  const lasting = setBack.filter(({ isRisky }) => isRisky);
  run.note({ setBack: lasting.length });
  return lasting.map(({ connectionId }) => {
    const grantId = population.grantsOf(connectionId).at(-1)?.grantId ?? "";
    return { grantId, connectionId, fault: run.number, kind: run.kind };
  });
}

/** Those that the provider has ended since, because a spent token was presented. */
async function bookEnded({ provider, losses }: World, setBack: readonly Touched[], since: number): Promise<void> {
  const grants = new Map((await provider.auditGrants()).map((grant) => [grant.id, grant]));
  for (const touched of setBack) {
    const { revokedBy = null, revokedAt = null } = grants.get(touched.grantId) ?? {};
    if (revokedBy === "reuse" && (revokedAt ?? 0) >= since) losses.setBack(touched);
  }
}

/**
 * Only rows that still hold what was put back: the others have been refreshed since, and hold something newer.
 * An answer under way for the older state finds another generation and is kept as a candidate, so the token that
 * it has spent may be presented first: no grant may be lost by that, but it is no doing of the fleet's.
 *
 * @returns what says that those answers have come
 */
async function restoreForward({ postgres, population, losses }: World): Promise<() => void> {
  let underWay: { readonly connectionId: string }[] = [];
  await postgres.session(async (query) => {
    await query("BEGIN");
    await query(lockTokens);
    underWay = await query(
      `WITH forward AS (
         UPDATE token_set t SET ${assign("n")} FROM ${newer} n JOIN ${older} o USING (connection_id)
         WHERE n.connection_id = t.connection_id AND t.fingerprint = o.fingerprint AND t.generation = o.generation
           AND (n.fingerprint, n.generation) <> (o.fingerprint, o.generation)
         RETURNING t.connection_id)
       SELECT connection_id AS "connectionId" FROM forward JOIN refresh_intent USING (connection_id)`,
    );
    await query("COMMIT");
  });
  const ends = underWay.map(({ connectionId }) => losses.risk(population.grantsOf(connectionId).at(-1)?.grantId ?? ""));
  return () => {
    for (const end of ends) end();
  };
}

function assign(alias: string): string {
  return columns.map((column) => `${column} = ${alias}.${column}`).join(", ");
}
