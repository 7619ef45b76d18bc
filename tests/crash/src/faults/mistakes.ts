import type { AppUnderTest } from "../world/apps.ts";
import { newClientSecret } from "../world/canaries.ts";
import { isBreakerOpen } from "../world/caretaker.ts";
import { runOrThrow } from "../world/population.ts";
import { pick, type World } from "../world/world.ts";
import { type FaultKind, type FaultRun, type Injected, NotPlaced, type Part } from "./fault.ts";
import { becomes } from "./worker-at-work.ts";

/** After an outage all were refreshed at once: nobody may be due again for most of a refresh's interval. */
const opensWithinMs = 30_000;
/** Longer than the most that a breaker waits between two probes of a campaign … */
const closesWithinMs = 30_000;
/** … and for each connection that a real wave had refused before, and that is tried before those of the mistake. */
const perRefusedMs = 1_500;

const needs: readonly Part[] = ["postgres", "redis", "provider", "workers", "tokens"];

/** Mistakes of the people who run it, rolled out and taken back. No customer may pay for them. */
export const mistakes: readonly FaultKind[] = [
  {
    kind: "wrong client secret rolled out and back",
    weight: 8,
    needs,
    disturbs: ["settings"],
    lengths: { short: 3_000 },
    async inject(world, run) {
      const app = await pickSound(world, run);
      await setSecret(world, app, newClientSecret(world.canaries));
      return underWatch(world, run, app, () => setSecret(world, app, world.secrets.get(app.id) ?? ""));
    },
  },
  {
    kind: "credentials of the other environment rolled out and back",
    weight: 5,
    needs,
    disturbs: ["settings"],
    lengths: { short: 3_000 },
    async inject(world, run) {
      const app = await pickSound(world, run);
      const other = { clientId: `${app.id}-sandbox`, secret: newClientSecret(world.canaries) };
      const { provider, secrets } = world;
      await provider.register({ id: other.clientId, kind: app.kind, secrets: [other.secret], environment: "sandbox" });
      await replaceCredentials(world, app, other);
      const own = { clientId: app.id, secret: secrets.get(app.id) ?? "" };
      return underWatch(world, run, app, () => replaceCredentials(world, app, own));
    },
  },
];

/** One whose breaker a wave of other refusals has opened would not close when the mistake is taken back. */
async function pickSound(world: World, run: FaultRun): Promise<AppUnderTest> {
  const app = pick(world.apps, run.random);
  if (await isBreakerOpen(world.postgres, app.id)) throw new NotPlaced(`the breaker of ${app.id} is open`);
  return app;
}

/** Goes on from when the app's breaker has opened, and is over when it has closed again by itself. */
async function underWatch(
  world: World,
  run: FaultRun,
  app: AppUnderTest,
  takeBack: () => Promise<void>,
): Promise<Injected> {
  const resume = world.caretaker.pause();
  const startedAt = Date.now();
  const hasOpened = await becomes(() => isBreakerOpen(world.postgres, app.id), opensWithinMs);
  run.note({ app: app.id, breakerOpenedAfterMs: hasOpened ? Date.now() - startedAt : null });
  if (!hasOpened) world.unkept.push(`fault ${run.number}: the breaker of ${app.id} did not open`);
  return {
    lastsMs: run.lengthMs,
    async heal() {
      await takeBack();
      const backAt = Date.now();
      const withinMs = closesWithinMs + (await readRefused(world, app)).length * perRefusedMs;
      const hasClosed = await becomes(async () => !(await isBreakerOpen(world.postgres, app.id)), withinMs);
      const isReal = !hasClosed && (await isRealWave(world, app));
      run.note({ app: app.id, breakerClosedAfterMs: hasClosed ? Date.now() - backAt : null, isReal });
      if (!hasClosed && !isReal) {
        world.unkept.push(`fault ${run.number}: the breaker of ${app.id} did not close by itself`);
      }
      resume();
    },
  };
}

/**
 * Whether a wave of lost grants was quicker than the mistake: all that were refused are spent, no answer to any of
 * them could close the breaker, and somebody has to accept it.
 */
async function isRealWave(world: World, app: AppUnderTest): Promise<boolean> {
  const refused = await readRefused(world, app);
  const held = await world.holdings.read(refused);
  return refused.length > 0 && !held.some(({ accepted }) => accepted);
}

/** By whose answers a breaker that is open for a wave of rejections finds out whether it may close. */
async function readRefused({ postgres }: World, app: AppUnderTest): Promise<string[]> {
  const rows = await postgres.query<{ id: string }>(
    `SELECT c.id FROM connection c JOIN oauth_app a ON a.id = c.app_id
     WHERE a.id = $1 AND a.breaker_reason = 'rejections' AND c.state = 'active' AND c.first_strike_at IS NOT NULL
       AND (a.breaker_accepted_at IS NULL OR c.first_strike_at > a.breaker_accepted_at)`,
    [app.id],
  );
  return rows.map(({ id }) => id);
}

/** By the operator's command, who is so sure of it that the old one goes at once. */
function setSecret({ operator }: World, app: AppUnderTest, secret: string): Promise<void> {
  return runOrThrow(operator, ["app", "set-secret", app.id, "--retire-old"], `${secret}\n`);
}

/** No command changes a client id: this is a row taken over from the other environment. */
async function replaceCredentials(
  { postgres, vault }: World,
  app: AppUnderTest,
  { clientId, secret }: { readonly clientId: string; readonly secret: string },
): Promise<void> {
  const ciphertext = Buffer.from(vault.sealClientSecret({ appId: app.id }, secret));
  await postgres.session(async (query) => {
    await query("BEGIN");
    await query("UPDATE oauth_app SET client_id = $2 WHERE id = $1", [app.id, clientId]);
    await query("DELETE FROM client_secret WHERE app_id = $1", [app.id]);
    await query("INSERT INTO client_secret (app_id, ciphertext) VALUES ($1, $2)", [app.id, ciphertext]);
    await query("COMMIT");
  });
}
