import { openStore, type Store } from "@evergrant/store";
import { withClient } from "@evergrant/testkit";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { admin, start, stopAll, until } from "./process.ts";
import { createWorld, type World } from "./world.ts";

const APPS = ["xero-one", "xero-two", "xero-three"] as const;
const [BROKEN, ...OTHERS] = APPS;
const CONNECTIONS = 200;
const TOKEN_MS = 8_000;
const STRIKE_GAP_MS = 3_000;
const MEASURED_MS = 20_000;
const TICK_MS = 500;
/** A due connection waits for the next tick: below that the scheduler's rhythm decides, and nothing else. */
const LATENESS_FLOOR_MS = TICK_MS;
const MOST_RATIO = 1.2;
/** What an app does to others shows in each round; what else the machine has to do does not. */
const MOST_ROUNDS = 3;

describe("the breaker of one app out of three", () => {
  let world: World;
  let store: Store;

  beforeAll(async () => {
    const rules = { xero: { accessTokenTtlMs: TOKEN_MS, graceMs: 60_000 } };
    const env = { EVERGRANT_TICK_MS: String(TICK_MS) };
    world = await createWorld({ redis: inject("redisUrl") !== null, rules, env });
    store = openStore({ databaseUrl: world.databaseUrl, applicationName: "test" });
    await recordLateness(world.databaseUrl);
    for (const id of APPS) {
      await world.addApp({
        id,
        kind: "xero",
        descriptor: {
          lifetimes: { accessTokenMs: TOKEN_MS },
          graceMs: 60_000,
          schedule: { leadMs: 4_000, jitterMs: 2_000 },
          retry: { firstMs: 500, maxMs: 2_000 },
          strikeGapMs: STRIKE_GAP_MS,
          breaker: { windowMs: 10_000, probeMs: 1_000 },
        },
      });
      await world.connect(id, CONNECTIONS, id);
    }
    await useSecret("the-right-secret", "the-right-secret");
    await Promise.all([
      ...["scheduler", "scheduler"].map((room) => start(room as "scheduler", world.env)),
      ...["worker", "worker"].map((room) => start(room as "worker", world.keyEnv)),
    ]);
    await refreshedByAll(APPS);
  });
  afterAll(async () => {
    await stopAll();
    await store.close();
    await world.close();
  });

  test("opens within ten seconds of a wrong secret, changes no connection, leaves the others as they were, and closes by itself when the secret is right again", async () => {
    const untouched = await statesOf(BROKEN);
    const rounds: (readonly number[])[] = [];
    do {
      const before = await latenessOver(MEASURED_MS);
      await breakTheSecret();
      expect(await statesOf(BROKEN)).toEqual(untouched);
      const refusedBefore = await refusals(BROKEN);
      const during = await latenessOver(MEASURED_MS);
      // A probe a second, and what was in flight when the breaker opened.
      const probes = (await refusals(BROKEN)) - refusedBefore;
      expect(probes).toBeGreaterThan(5);
      expect(probes).toBeLessThan(60);
      rounds.push(OTHERS.map((id) => compare(id, before, during)));
      await mendTheSecret();
      expect(await statesOf(BROKEN)).toEqual(untouched);
    } while (rounds.length < MOST_ROUNDS && Math.max(...(rounds.at(-1) ?? [])) > MOST_RATIO);

    for (const ratio of rounds.at(-1) ?? []) expect(ratio).toBeLessThanOrEqual(MOST_RATIO);
    for (const id of OTHERS) {
      expect(await breakerOf(id)).toMatchObject({ breakerState: "closed", breakerChangedAt: null });
    }
    expect(await eventsOf(BROKEN)).toEqual(
      rounds.flatMap(() => ["breaker_opened misconfigured", "breaker_closed probe"]),
    );
    expect(await world.provider.audit(BROKEN)).toMatchObject({ alive: CONNECTIONS, overlaps: 0 });
  });

  async function breakTheSecret(): Promise<void> {
    const startedAt = performance.now();
    await useSecret("a-wrong-secret");
    await until("the breaker opens", async () => (await breakerOf(BROKEN)).breakerState !== "closed", 10_000);
    const openedAfterMs = performance.now() - startedAt;
    say(`the breaker opened ${Math.round(openedAfterMs)} ms after a wrong secret was rolled out`);
    expect(openedAfterMs).toBeLessThan(10_000);
    expect(await breakerOf(BROKEN)).toMatchObject({ breakerReason: "misconfigured" });
  }

  async function mendTheSecret(): Promise<void> {
    const startedAt = performance.now();
    await useSecret("the-right-secret");
    await until("the breaker closes", async () => (await breakerOf(BROKEN)).breakerState === "closed");
    say(`it closed ${Math.round(performance.now() - startedAt)} ms after the right one was`);
    await refreshedByAll([BROKEN]);
  }

  /** How much later the slowest hundredth of an app's refreshes begins. */
  function compare(appId: string, before: Lateness, during: Lateness): number {
    const [old, now] = [before(appId), during(appId)];
    const ratio = Math.max(now.p99, LATENESS_FLOOR_MS) / Math.max(old.p99, LATENESS_FLOOR_MS);
    say(
      `p99 lateness of ${appId}: ${old.p99} ms before (${old.count} refreshes), ${now.p99} ms during (${now.count}): x ${ratio.toFixed(2)}`,
    );
    expect(Math.min(old.count, now.count)).toBeGreaterThan(500);
    return ratio;
  }

  test("opens for refusals that were our mistake, ends nobody however long they last, and closes by itself when they stop", async () => {
    const [, app] = APPS;
    const untouched = await statesOf(app);
    const body = JSON.stringify({ error: "invalid_grant" });
    const fault = await world.provider.setFault({ clientId: app, effect: { type: "status", status: 400, body } });
    await until("the breaker opens", async () => (await breakerOf(app)).breakerReason === "rejections", 10_000);
    await passes(4 * STRIKE_GAP_MS);
    expect(await statesOf(app)).toEqual(untouched);
    expect(await breakerOf(app)).toMatchObject({ breakerReason: "rejections" });

    await world.provider.clearFaults(fault.id);
    await until("the breaker closes", async () => (await breakerOf(app)).breakerState === "closed");
    await refreshedByAll([app]);
    expect(await statesOf(app)).toEqual(untouched);
    expect(await eventsOf(app)).toEqual(["breaker_opened rejections", "breaker_closed probe"]);
    expect(await world.provider.audit(app)).toMatchObject({ alive: CONNECTIONS });
  });

  test("holds a wave of customers who left, until an operator accepts it: then exactly these end", async () => {
    const [, , app] = APPS;
    const revoked = await world.provider.revoke({ clientId: app, count: CONNECTIONS * 0.3 });
    const left = revoked.map(({ id }) => id).toSorted();
    expect(left).toHaveLength(CONNECTIONS * 0.3);
    await until("the breaker opens", async () => (await breakerOf(app)).breakerReason === "rejections", 10_000);
    await passes(4 * STRIKE_GAP_MS);
    const endedBefore = await endedOf(app);
    say(`${endedBefore.length} of ${left.length} connections ended before the wave was seen`);
    expect(endedBefore).toEqual([]);
    expect(await breakerOf(app)).toMatchObject({ breakerReason: "rejections" });
    const listed = await admin(["breaker", "list"], world.keyEnv);
    expect(listed.stdout).toContain(`evergrant breaker accept ${app}`);

    expect(await admin(["breaker", "accept", app], world.keyEnv)).toMatchObject({ code: 0 });
    await until("they have ended", async () => (await endedOf(app)).length >= left.length);
    await refreshedByAll([app], left);
    expect((await endedOf(app)).toSorted()).toEqual(left);
    expect(await breakerOf(app)).toMatchObject({ breakerState: "closed" });
    expect(await eventsOf(app)).toEqual(["breaker_opened rejections", "breaker_closed accepted"]);
  });

  /** Gives the app that is broken another secret, and the provider if named. */
  async function useSecret(secret: string, known?: string): Promise<void> {
    if (known !== undefined) await world.provider.register({ id: BROKEN, kind: "xero", secrets: [known] });
    const answer = await admin(["app", "set-secret", BROKEN, "--retire-old"], world.keyEnv, `${secret}\n`);
    expect(answer).toMatchObject({ code: 0 });
  }

  const breakerOf = (id: string) => store.prisma.oAuthApp.findUniqueOrThrow({ where: { id } });

  function statesOf(appId: string): Promise<unknown[]> {
    const select = { id: true, state: true, stateReason: true, stateChangedAt: true };
    return store.prisma.connection.findMany({ where: { appId }, select, orderBy: { id: "asc" } });
  }

  async function endedOf(appId: string): Promise<string[]> {
    const ended = await store.prisma.connection.findMany({ where: { appId, state: "needs_reauth" } });
    return ended.map(({ id }) => id);
  }

  async function eventsOf(appId: string): Promise<string[]> {
    const events = await store.prisma.refreshEvent.findMany({
      where: { appId, connectionId: null },
      orderBy: { id: "asc" },
    });
    return events.map(({ kind, detail }) => {
      const { reason, by } = detail as { reason: string; by?: string };
      return `${kind} ${by ?? reason}`;
    });
  }

  /** Answers that refused the app itself. */
  async function refusals(appId: string): Promise<number> {
    const where = { appId, outcome: "misconfigured" };
    const { _sum } = await store.prisma.refreshTally.aggregate({ _sum: { refreshes: true }, where });
    return Number(_sum.refreshes ?? 0);
  }

  /** Waits until every connection of these apps, but for some, has been refreshed from now on. */
  async function refreshedByAll(appIds: readonly string[], except: readonly string[] = []): Promise<void> {
    const [row] = await store.prisma.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
    const late = { OR: [{ lastRefreshedAt: null }, { lastRefreshedAt: { lt: row?.now ?? new Date() } }] };
    const where = { appId: { in: [...appIds] }, id: { notIn: [...except] }, ...late };
    await until("all have been refreshed", async () => (await store.prisma.connection.count({ where })) === 0, 60_000);
  }

  /** How late claims were in the time that now begins, by the database's own records. */
  async function latenessOver(ms: number): Promise<Lateness> {
    await withClient(world.databaseUrl, (client) => client.query("TRUNCATE test_lateness"));
    await passes(ms);
    const { rows } = await withClient(world.databaseUrl, (client) =>
      client.query<{ appId: string; count: number; p99: number }>(
        `SELECT app_id AS "appId", count(*)::int AS count,
                round(percentile_cont(0.99) WITHIN GROUP (ORDER BY lateness_ms))::int AS p99
         FROM test_lateness GROUP BY app_id`,
      ),
    );
    return (appId) => rows.find((row) => row.appId === appId) ?? { count: 0, p99: Number.NaN };
  }
});

type Lateness = (appId: string) => { readonly count: number; readonly p99: number };

const say = (line: string) => void process.stderr.write(`${line}\n`);

/** Time that has to pass for its own sake: a measurement, or the proof that nothing happens. */
async function passes(ms: number): Promise<void> {
  const end = performance.now() + ms;
  await until(`${ms} ms have passed`, () => performance.now() >= end, ms + 5_000);
}

/** Notes for each claim how long its connection had been due, as the workers count it. */
async function recordLateness(databaseUrl: string): Promise<void> {
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
