import { setTimeout as delay } from "node:timers/promises";
import type { TcpProxy } from "@evergrant/testkit";
import { searchEscrow } from "../audit/search-secrets.ts";
import type { Slot } from "../world/slot.ts";
import { pick, pickApp, type World } from "../world/world.ts";
import { type FaultKind, type FaultRun, type Injected, NotPlaced } from "./fault.ts";
import { accountForDead } from "./kill-worker.ts";
import { findWorkerOf, requireAwake } from "./worker-at-work.ts";

/**
 * Some workers lose their way to one server, while everybody else keeps it. Never to both at once: a worker
 * that can reach neither PostgreSQL nor the escrow is as good as dead, and others would take it for that.
 * With the queues in PostgreSQL the escrow is a folder, which stays.
 */
export const partitions: readonly FaultKind[] = [
  {
    kind: "Redis out of reach of some workers",
    weight: 22,
    backend: "redis",
    needs: ["postgres", "redis", "workers"],
    lengths: { short: 5_000, long: { ms: 60_000, times: 2 } },
    inject: (world, run) => cutOff(world, run, (worker) => worker.redis),
  },
  {
    kind: "PostgreSQL out of reach of one worker",
    weight: 14,
    needs: ["postgres", "redis", "workers", "tokens", "answers"],
    lengths: { short: 7_000, long: { ms: 60_000, times: 2 } },
    inject: (world, run) => cutOff(world, run, (worker) => worker.postgres, 1),
  },
  {
    kind: "PostgreSQL out of reach of one worker whose provider is silent",
    weight: 8,
    needs: ["postgres", "redis", "provider", "workers", "settings", "tokens"],
    disturbs: ["answers"],
    lengths: { short: 7_000, long: { ms: 60_000, times: 1 } },
    inject: cutOffWhileAsking,
  },
  {
    kind: "worker killed while PostgreSQL is out of its reach",
    weight: 20,
    needs: ["postgres", "redis", "provider", "workers", "settings", "tokens"],
    inject: killCutOff,
  },
];

const heldWithinMs = 6_000;
/** For the answers that come home at last to be put aside, while their worker is still cut off. */
const putAsideMs = 1_500;
/** An answer that cannot be settled is put aside after a second, or two behind another batch; some more on a busy machine. */
const mayBeInMemoryMs = 2_500;
/** So that the answers which were awaited have been there for longer. */
const killedAfterMs = 3_500;

/** Its leases end while its answers are on their way: nobody else may take it for dead. */
async function cutOffWhileAsking(world: World, run: FaultRun): Promise<Injected> {
  const { provider } = world;
  const app = pickApp(world.apps, run.random);
  const hold = await provider.hold({ clientId: app.id, times: 1 + Math.floor(run.random() * 3) }, "rotated");
  try {
    requireAwake(world);
    await provider.awaitHeld(hold, 1, heldWithinMs).catch(() => Promise.reject(new NotPlaced("nothing was held")));
    const { heldGrants = [] } = (await provider.fault(hold)) ?? {};
    const { worker, connectionIds } = await findWorkerOf(world, { struck: heldGrants });
    const heal = await cut(worker, worker.postgres, run.random() < 0.5);
    run.note({ app: app.id, cutOff: worker.name, awaits: connectionIds });
    return {
      lastsMs: run.lengthMs,
      felt: connectionIds,
      async heal() {
        await provider.clearFaults(hold);
        await delay(putAsideMs);
        await searchEscrow(world);
        await heal();
      },
    };
  } catch (error) {
    await provider.clearFaults(hold);
    throw error;
  }
}

/** What it has been told and cannot write has to be in the escrow by now: for another worker to find. */
async function killCutOff(world: World, run: FaultRun): Promise<Injected> {
  const { provider } = world;
  const app = pickApp(world.apps, run.random);
  requireAwake(world);
  const hold = await provider.hold({ clientId: app.id, times: 1 + Math.floor(run.random() * 4) }, "rotated");
  try {
    await provider.awaitHeld(hold, 1, heldWithinMs).catch(() => Promise.reject(new NotPlaced("nothing was held")));
    const { rotated = [] } = (await provider.fault(hold)) ?? {};
    const { worker, connectionIds } = await findWorkerOf(world, { struck: rotated });
    await cut(worker, worker.postgres, run.random() < 0.5);
    await provider.clearFaults(hold);
    await delay(killedAfterMs);
    // What the network kept from PostgreSQL until now dies with it.
    worker.postgres.sever();
    const killedAt = Date.now();
    await worker.kill();
    run.note({ app: app.id, awaited: connectionIds });
    return await accountForDead(world, run, [worker], { killedAt, mayBeInMemoryMs });
  } finally {
    await provider.clearFaults(hold);
  }
}

async function cutOff(
  world: World,
  run: FaultRun,
  wayOf: (worker: Slot) => TcpProxy | null,
  most = 2,
): Promise<Injected> {
  const awake = requireAwake(world);
  const first = pick(awake, run.random);
  const more = run.random() < 0.5 ? awake.filter((worker) => worker !== first) : [];
  const chosen = [first, ...more.slice(0, Math.min(most - 1, awake.length - 2))];
  // A refused connection is noticed at once, a silent one only by whoever waits for an answer.
  const isSilent = run.random() < 0.5;
  const heals = await Promise.all(chosen.map((worker) => cut(worker, wayOf(worker), isSilent)));
  run.note({ cutOff: chosen.map(({ name }) => name), isSilent });
  return { lastsMs: run.lengthMs, heal: async () => void (await Promise.all(heals.map((heal) => heal()))) };
}

/** @returns what gives it its way back */
async function cut(worker: Slot, way: TcpProxy | null, isSilent: boolean): Promise<() => Promise<void>> {
  worker.state = "cut off";
  if (isSilent) way?.silence();
  else await way?.cut();
  return async () => {
    await way?.restore();
    if (worker.state === "cut off") worker.state = "up";
  };
}
