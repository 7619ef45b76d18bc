import { findExposed, type InHand } from "../audit/find-exposed.ts";
import type { Slot } from "../world/slot.ts";
import { pickApp, type World } from "../world/world.ts";
import { type FaultKind, type FaultRun, NotPlaced } from "./fault.ts";
import { becomes, findWorkerOf, requireAwake } from "./worker-at-work.ts";

const placedWithinMs = 6_000;
const calmWithinMs = 1_500;
const settledWithinMs = 60_000;

/** Of its length at least so much: still past the lease, and past a job's lock. */
const shortestShare = 0.4;

/**
 * A worker is stopped with answers on the way to it, past its lease and its job's lock, and wakes with them in
 * hand.
 *
 * Meanwhile another worker finds the lease dead and presents the token that is spent, since nothing tells a
 * sleeper from a dead one. Where there is grace that saves the grant. Where reuse ends it, it is exposed: lost
 * to the sleep, and only then. Where it is merely refused, the sleeper brings the living token home, and
 * nothing is lost.
 */
export const sleepingWorker: FaultKind = {
  kind: "worker stopped past its lease and job lock, then woken",
  weight: 20,
  needs: ["provider", "workers", "tokens", "answers"],
  lengths: { short: 17_000, long: { ms: 180_000, times: 2 } },
  async inject(world, run) {
    const { losses, postgres, redis, caretaker } = world;
    requireAwake(world);
    if (!postgres.isUp) throw new NotPlaced("PostgreSQL is away");
    await redis?.command("PING").catch(() => Promise.reject(new NotPlaced("Redis is away")));
    const worker = await freezeAtWork(world, run);
    const { exposed: inHand, inHand: claimed, isCertain } = await lookAtSleeper(world, worker);
    if (!isCertain) losses.doubt(`what ${worker.name} held at fault ${run.number} was looked at late`);
    run.note({ asleep: worker.name, claimed, inHand });
    const endRisks = inHand.map(({ grantId }) => losses.risk(grantId));
    const unspare = caretaker.spare(inHand.map(({ connectionId }) => connectionId));
    return {
      lastsMs: run.lengthMs * (shortestShare + (1 - shortestShare) * run.random()),
      felt: claimed,
      async heal() {
        worker.process?.thaw();
        await hasSettled(world, worker, claimed, inHand);
        await exposeReused(world, run, inHand);
        // Not before: its claims have gone over to others, so that a kill would not be put down to what it still held.
        worker.state = "up";
        for (const endRisk of endRisks) endRisk();
        unspare();
      },
    };
  },
};

/** Stops the worker whose request the provider keeps, then lets the answer go. */
async function freezeAtWork(world: World, run: FaultRun): Promise<Slot> {
  const { provider } = world;
  const app = pickApp(world.apps, run.random);
  const hold = await provider.hold({ clientId: app.id, times: 1 + Math.floor(run.random() * 3) }, "rotated");
  try {
    await provider.awaitHeld(hold, 1, placedWithinMs).catch(() => Promise.reject(new NotPlaced("nothing was held")));
    const fault = await provider.fault(hold);
    const { worker } = await findWorkerOf(world, { struck: fault?.heldGrants ?? [] });
    worker.process?.freeze();
    worker.state = "asleep";
    return worker;
  } finally {
    await provider.clearFaults(hold);
  }
}

/** What it holds, once its statements have ended and the answers to its requests wait in its sockets. */
async function lookAtSleeper(world: World, worker: Slot) {
  const isCalm = async () => {
    const [row] = await world.postgres.query<{ busy: number }>(
      "SELECT count(*)::int AS busy FROM pg_stat_activity WHERE client_port = ANY($1) AND state = 'active'",
      [worker.postgres.serverSidePorts()],
    );
    return row?.busy === 0 && (await answersAreOut(world, worker));
  };
  if (!(await becomes(isCalm, calmWithinMs, 20))) {
    world.losses.doubt(`${worker.name} was not calm after it was stopped`);
  }
  return findExposed(world, worker.holder);
}

async function answersAreOut(world: World, worker: Slot): Promise<boolean> {
  const claims = await world.postgres.query<{ id: string }>(
    "SELECT connection_id AS id FROM refresh_intent WHERE holder = $1",
    [worker.holder],
  );
  const held = await world.holdings.read(claims.map(({ id }) => id));
  return held.every(({ grant }) => grant === undefined || grant.inFlight === 0);
}

/**
 * What it held is settled: by it, or by another. Where it alone had the living token, that has to be in a
 * durable place of ours now. Whoever had taken over before it was there may have sent the spent one meanwhile, and
 * has to be done as well.
 */
async function hasSettled(world: World, worker: Slot, claimed: readonly string[], inHand: readonly InHand[]) {
  let waitsFor = "PostgreSQL";
  const isSettled = async () => {
    waitsFor = "PostgreSQL";
    if (!world.postgres.isUp) return false;
    const rows = await world.postgres.query(
      "SELECT 1 FROM refresh_intent WHERE connection_id = ANY($1) AND holder = $2",
      [claimed, worker.holder],
    );
    const held = await world.holdings.read(inHand.map(({ connectionId }) => connectionId));
    const isHome = ({ grantId }: InHand) =>
      held.some((token) => token.grantId === grantId && (token.accepted || token.grant?.endedBy !== null));
    const abroad = inHand.filter((grant) => !isHome(grant)).map(({ grantId }) => grantId);
    waitsFor = `${rows.length} of its claims, and the tokens of ${abroad.join(", ") || "nobody"}`;
    return rows.length === 0 && abroad.length === 0;
  };
  if (!(await becomes(() => isSettled().catch(() => false), settledWithinMs))) {
    world.losses.doubt(`${worker.name} had not settled everything ${settledWithinMs} ms after it woke: ${waitsFor}`);
  } else if (!(await othersAreDone(world, inHand))) {
    world.losses.doubt(`others had not settled what ${worker.name} had held ${settledWithinMs} ms after it was home`);
  }
}

async function othersAreDone({ postgres }: World, inHand: readonly InHand[]): Promise<boolean> {
  const connectionIds = inHand.map(({ connectionId }) => connectionId);
  let claims: readonly { readonly id: string }[] | undefined;
  const areDone = async () => {
    const now = await postgres.query<{ id: string }>(
      "SELECT intent_id::text AS id FROM refresh_intent WHERE connection_id = ANY($1)",
      [connectionIds],
    );
    claims ??= now;
    return !claims.some((claim) => now.some(({ id }) => id === claim.id));
  };
  return becomes(() => areDone().catch(() => false), settledWithinMs);
}

/** Of the grants in the sleeper's hands those are lost whose spent token was presented by another. */
async function exposeReused(world: World, run: FaultRun, inHand: readonly InHand[]): Promise<void> {
  if (inHand.length === 0) return;
  await becomes(async () => world.postgres.isUp, 300_000);
  const held = await world.holdings.read(inHand.map(({ connectionId }) => connectionId));
  const reused = inHand.filter(({ grantId }) =>
    held.some((token) => token.grantId === grantId && token.grant?.endedBy === "reuse"),
  );
  for (const touched of reused) {
    world.losses.expose({ ...touched, fault: run.number, kind: run.kind, cause: "asleep" });
  }
  run.note({ reused });
}
