import type { Passage } from "@evergrant/testkit";
import { findExposed, readClaims } from "../audit/find-exposed.ts";
import type { Slot } from "../world/slot.ts";
import { pick, pickApp, type World } from "../world/world.ts";
import { type FaultKind, type FaultRun, type Injected, NotPlaced, type Part } from "./fault.ts";
import { type SettleWatch, watchSettles } from "./settle-watch.ts";
import { becomes, carriedOut, endsWithin, findWorkerOf, requireAwake, type WorkerAtWork } from "./worker-at-work.ts";

const placedWithinMs = 6_000;
const lookEveryMs = 5;
const mostAtOnce = 4;

const needs: readonly Part[] = ["postgres", "redis", "provider", "workers", "settings", "tokens"];

/**
 * A worker is killed at each of the five points at which a refresh can be cut. The points are reached from
 * outside: the provider keeps a request, or a proxy keeps what PostgreSQL or the queue is told or answers.
 */
export const killedWorkers: readonly FaultKind[] = [
  cut("worker killed: request received, not rotated", 125, (world, run) => holdAt("received", world, run)),
  cut("worker killed: rotated, answer withheld", 125, (world, run) => holdAt("rotated", world, run)),
  cut("worker killed: answer on the wire", 115, dripAnswer),
  cut("worker killed: settle sent, commit not acknowledged", 115, withholdCommit),
  cut("worker killed: settled, job not completed", 105, withholdCompletion),
];

/** What a cut point has brought about: a worker that is at it, and how to let go of everything else. */
interface CutPoint extends WorkerAtWork {
  /** Connections whose new token PostgreSQL has committed: nothing excuses their loss. */
  readonly written?: ReadonlySet<string>;
  release(): Promise<unknown>;
}

function cut(kind: string, weight: number, reach: (world: World, run: FaultRun) => Promise<CutPoint>): FaultKind {
  return {
    kind,
    weight,
    needs,
    async inject(world, run) {
      requireAwake(world);
      const { worker, connectionIds, written, release } = await reach(world, run);
      const killedAt = Date.now();
      await worker.kill().finally(release);
      return accountForDead(world, run, [worker], { killedAt, placed: new Set(connectionIds), written });
    },
  };
}

/** What dead workers took with them, written down; then they are started again. */
export async function accountForDead(
  world: World,
  run: FaultRun,
  workers: readonly Slot[],
  { killedAt, placed = nobody, written = nobody, mayBeInMemoryMs = longestInMemoryMs }: Killing,
): Promise<Injected> {
  const inHand: string[] = [];
  const dead = await Promise.all(
    workers.map(async (worker) => ({
      worker,
      seen: worker.holder === null ? [] : await readClaims(world, worker.holder),
    })),
  );
  for (const { worker, seen } of dead) {
    await carriedOut(world, worker);
    const found = await findExposed(world, worker.holder, seen);
    for (const { grantId, connectionId, deliveredAt } of found.exposed) {
      const inMemoryMs = deliveredAt === null ? 0 : killedAt - deliveredAt;
      world.losses.wasInMemory(inMemoryMs);
      if (written.has(connectionId) || inMemoryMs > mayBeInMemoryMs) continue;
      const cause = placed.has(connectionId) ? "placed" : "collateral";
      world.losses.expose({ grantId, connectionId, fault: run.number, kind: run.kind, cause });
    }
    run.note({ killed: worker.name, ...found, placed: [...placed] });
    if (!found.isCertain) world.losses.doubt(`what ${worker.name} held at fault ${run.number} was looked at late`);
    inHand.push(...found.inHand);
  }
  // Not before all has been looked at: the first that is back takes over what the others held.
  for (const worker of workers) void worker.start();
  return { felt: inHand, since: killedAt };
}

/** How workers were killed. */
export interface Killing {
  /** Epoch ms. */
  readonly killedAt: number;
  /** The connections that the kill was aimed at; all others are collateral. */
  readonly placed?: ReadonlySet<string> | undefined;
  /** Connections whose new token PostgreSQL had committed: nothing excuses their loss. */
  readonly written?: ReadonlySet<string> | undefined;
  /** An answer that a worker had had in its memory for longer died there by a fault of ours. */
  readonly mayBeInMemoryMs?: number;
}

const nobody: ReadonlySet<string> = new Set();

/**
 * An answer is put aside after a second that its settle does not end in; this is that, with what a batch waits for
 * and what a busy machine adds.
 */
const longestInMemoryMs = 5_000;

/** A few requests of one app are kept at the provider. */
async function holdAt(at: "received" | "rotated", world: World, run: FaultRun): Promise<CutPoint> {
  const { provider } = world;
  const app = pickApp(world.apps, run.random);
  const times = 1 + Math.floor(run.random() * mostAtOnce);
  const hold = await provider.hold({ clientId: app.id, times }, at);
  const release = () => provider.clearFaults(hold);
  try {
    await provider.awaitHeld(hold, 1, placedWithinMs).catch(() => Promise.reject(new NotPlaced("nothing was held")));
    await provider.awaitHeld(hold, times, 100).catch(() => {});
    const { heldGrants = [], rotated = [] } = (await provider.fault(hold)) ?? {};
    const struck = at === "received" ? heldGrants : heldGrants.filter((id) => rotated.includes(id));
    return { ...(await findWorkerOf(world, { struck })), release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** One answer arrives a byte at a time, and its first bytes are on their way. */
async function dripAnswer(world: World, run: FaultRun): Promise<CutPoint> {
  const { provider } = world;
  const app = pickApp(world.apps, run.random);
  const { id } = await provider.setFault({ clientId: app.id, times: 1, effect: { type: "drip", intervalMs: 3 } });
  const release = () => provider.clearFaults(id);
  try {
    return { ...(await findWorkerOf(world, { struck: await begunGrants(world, id) })), release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function begunGrants({ provider }: World, faultId: string): Promise<readonly string[]> {
  let begun: readonly string[] = [];
  const look = async () => {
    begun = (await provider.fault(faultId))?.begun ?? [];
    return begun.length > 0;
  };
  if (await becomes(look, placedWithinMs, lookEveryMs)) return begun;
  throw new NotPlaced("no answer began");
}

/** The database has committed, and its answer is kept from the worker. */
async function withholdCommit(world: World, run: FaultRun): Promise<CutPoint> {
  const worker = pick(requireAwake(world), run.random);
  const settles = watchSettles();
  const withheld = moment();
  const unwatch = worker.postgres.watch((passage) => {
    settles.see(passage);
    if (passage.from === "client" || !settles.isSettling(passage.connection)) return undefined;
    withheld.comes();
    return "hold";
  });
  return atProxy(worker, { reached: withheld.hasCome, settles, unwatch });
}

/** The worker has heard that its settle is written; that the job is done cannot reach the queue. */
async function withholdCompletion(world: World, run: FaultRun): Promise<CutPoint> {
  const worker = pick(requireAwake(world), run.random);
  const settles = watchSettles();
  let isSettling = false;
  const heard = moment();
  const toQueue = ({ from }: Passage) => (isSettling && from === "client" ? "hold" : undefined);
  const unwatchQueue = worker.redis?.watch(toQueue);
  const unwatch = worker.postgres.watch((passage) => {
    settles.see(passage);
    isSettling ||= settles.isSettling(passage.connection);
    if (worker.redis === null && passage.greeting.includes(queueSession)) return toQueue(passage);
    if (settles.written.size > 0) setTimeout(heard.comes, heardAfterMs);
    return undefined;
  });
  const unwatchAll = () => {
    unwatch();
    unwatchQueue?.();
  };
  return atProxy(worker, { reached: heard.hasCome, settles, unwatch: unwatchAll });
}

interface Moment {
  comes(): void;
  readonly hasCome: Promise<void>;
}

function moment(): Moment {
  let comes = () => {};
  const hasCome = new Promise<void>((resolve) => {
    comes = resolve;
  });
  return { comes, hasCome };
}

/** For the worker to take in what has just arrived. */
const heardAfterMs = 10;

interface AtProxy {
  readonly reached: Promise<void>;
  readonly settles: SettleWatch;
  readonly unwatch: () => void;
}

async function atProxy(worker: Slot, { reached, settles, unwatch }: AtProxy): Promise<CutPoint> {
  const release = async () => {
    unwatch();
    await Promise.all([worker.postgres.restore(), worker.redis?.restore()]);
  };
  try {
    if (!(await endsWithin(placedWithinMs, reached))) throw new NotPlaced(`${worker.name} did not settle`);
    return { worker, connectionIds: [], written: settles.written, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** How a session of the queue calls itself when it begins. */
const queueSession = "application_name\0evergrant-queue";
