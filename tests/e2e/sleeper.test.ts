import { type FaultSpec, withClient } from "@evergrant/testkit";
import { afterEach, expect, inject, test } from "vitest";
import { type Running, start, stopAll, until } from "./process.ts";
import { createWorld, type World } from "./world.ts";

/** The full three minutes: EVERGRANT_TEST_SLEEP_MS=180000. */
const SLEEP_MS = Number(process.env.EVERGRANT_TEST_SLEEP_MS ?? 12_000);
const LIFETIME_MS = 6_000;
const LEASE_MS = 3_000;

let world: World;
afterEach(async () => {
  await stopAll();
  await world.close();
});

test.runIf(inject("redisUrl") !== null)(
  "a worker stopped past its lease wakes after another refreshed twice: neither its success nor its failure changes a row, its token is kept, the grants live",
  async () => {
    const graceMs = SLEEP_MS + 30_000;
    world = await createWorld({
      redis: true,
      rules: { xero: { accessTokenTtlMs: LIFETIME_MS, graceMs } },
      env: { EVERGRANT_LEASE_MS: String(LEASE_MS) },
    });
    await world.addApp({
      id: "xero-sleep",
      kind: "xero",
      descriptor: {
        lifetimes: { accessTokenMs: LIFETIME_MS },
        graceMs,
        schedule: { leadMs: 3_000, jitterMs: 500 },
        retry: { firstMs: 300, maxMs: 1_000 },
        // Shorter than the sleep, as the usual two minutes are shorter than three.
        answerTimeoutMs: 5_000,
      },
    });
    const [dream, nightmare] = await world.connect("xero-sleep", 2, "xero");
    const scheduler = await start("scheduler", world.env);
    const heldDream = await world.provider.hold({ grantId: dream?.id, times: 1 }, "rotated");
    const heldNightmare = await world.provider.hold({ grantId: nightmare?.id, times: 1 }, "received");
    await world.provider.setFault({ ...REFUSAL, grantId: nightmare?.id });

    const sleeper = await start("worker", world.keyEnv);
    await world.provider.awaitHeld(heldDream);
    await world.provider.awaitHeld(heldNightmare);
    sleeper.freeze();
    const asleepSince = Date.now();
    await world.provider.release(heldDream);
    await world.provider.release(heldNightmare);

    await start("worker", world.keyEnv);
    const refreshedTwice = async () => (await readRows()).every(({ generation }) => generation >= 3);
    await until("another worker has refreshed both twice", refreshedTwice);
    await until("the sleep is over", () => Date.now() - asleepSince >= SLEEP_MS, SLEEP_MS + 5_000);
    await scheduler.stop();
    await until("nothing but the sleeper is under way", async () => (await openIntents()) === 0);

    const before = await readRows();
    sleeper.thaw();
    await until("the sleeper has told of both answers", () => lateAnswers(sleeper) === 2);
    expect(await readRows()).toEqual(before);
    expect(await candidates()).toEqual([dream?.id]);

    await start("scheduler", world.env);
    const goesOn = async () =>
      (await readRows()).every(({ generation }, index) => generation > (before[index]?.generation ?? 0));
    await until("both are refreshed once more", goesOn);
    expect(await world.provider.audit()).toMatchObject({ alive: 2, overlaps: 0, spentPresented: { outsideGrace: 0 } });
    expect(await candidates()).toEqual([]);
  },
  SLEEP_MS + 120_000,
);

const REFUSAL: FaultSpec = {
  effect: { type: "status", status: 400, body: JSON.stringify({ error: "invalid_grant" }), at: "received" },
  times: 1,
};

const lateAnswers = ({ lines }: Running) =>
  lines.filter((line) => line.includes("a late answer changed nothing")).length;

interface Row {
  readonly id: string;
  readonly generation: number;
}

/** Everything that a refresh may change. */
const readRows = () =>
  withClient(world.databaseUrl, async (client) => {
    const { rows } = await client.query<Row>(
      "SELECT c.*, t.* FROM connection c JOIN token_set t ON t.connection_id = c.id ORDER BY c.id",
    );
    return rows;
  });

const openIntents = () =>
  withClient(world.databaseUrl, async (client) => (await client.query("SELECT 1 FROM refresh_intent")).rowCount ?? 0);

const candidates = () =>
  withClient(world.databaseUrl, async (client) => {
    const { rows } = await client.query<{ connection_id: string }>("SELECT connection_id FROM token_candidate");
    return rows.map((row) => row.connection_id);
  });
