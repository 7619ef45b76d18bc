import type { Passage } from "@evergrant/testkit";
import { findExposed, readClaims } from "../audit/find-exposed.ts";
import type { Slot } from "../world/slot.ts";
import { pick, pickApp, type World } from "../world/world.ts";
import { type FaultKind, type FaultRun, type Injected, NotPlaced, type Part } from "./fault.ts";
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
  cut("worker killed: request received, not rotated", 120, (world, run) => holdAt("received", world, run)),
  cut("worker killed: rotated, answer withheld", 120, (world, run) => holdAt("rotated", world, run)),
  cut("worker killed: answer on the wire", 110, dripAnswer),
  cut("worker killed: settle sent, commit not acknowledged", 110, withholdCommit),
  cut("worker killed: settled, job not completed", 100, withholdCompletion),
];

/** What a cut point has brought about: a worker that is at it, and how to let go of everything else. */
interface CutPoint extends WorkerAtWork {
  release(): Promise<unknown>;
}

function cut(kind: string, weight: number, reach: (world: World, run: FaultRun) => Promise<CutPoint>): FaultKind {
  return {
    kind,
    weight,
    needs,
    async inject(world, run) {
      requireAwake(world);
      const { worker, connectionIds, release } = await reach(world, run);
      const killing = worker.kill();
      await killing.finally(release);
      return accountForDead(world, run, [worker], new Set(connectionIds));
    },
  };
}

/**
 * What dead workers took with them, written down; then they are started again.
 *
 * @param placed the connections that the kill was aimed at; all others are collateral
 */
export async function accountForDead(
  world: World,
  run: FaultRun,
  workers: readonly Slot[],
  placed: ReadonlySet<string>,
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
    for (const { grantId, connectionId } of found.exposed) {
      const cause = placed.has(connectionId) ? "placed" : "collateral";
      world.losses.expose({ grantId, connectionId, fault: run.number, kind: run.kind, cause });
    }
    run.note({ killed: worker.name, ...found, placed: [...placed] });
    if (!found.isCertain) world.losses.doubt(`what ${worker.name} held at fault ${run.number} was looked at late`);
    inHand.push(...found.inHand);
  }
  // Not before all has been looked at: the first that is back takes over what the others held.
  for (const worker of workers) void worker.start();
  return { felt: inHand };
}

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
    const fault = await provider.fault(hold);
    return { ...(await findWorkerOf(world, { struck: fault?.heldGrants ?? [] })), release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** One answer arrives a byte at a time. */
async function dripAnswer(world: World, run: FaultRun): Promise<CutPoint> {
  const { provider } = world;
  const app = pickApp(world.apps, run.random);
  const { id } = await provider.setFault({ clientId: app.id, times: 1, effect: { type: "drip", intervalMs: 3 } });
  const release = () => provider.clearFaults(id);
  try {
    const struck = await struckGrants(world, id);
    return { ...(await findWorkerOf(world, { struck })), release };
  } catch (error) {
    await release();
    throw error;
  }
}

export async function struckGrants({ provider }: World, faultId: string, count = 1): Promise<readonly string[]> {
  let struck: readonly string[] = [];
  const look = async () => {
    struck = (await provider.fault(faultId))?.struck ?? [];
    return struck.length >= count;
  };
  if (await becomes(look, placedWithinMs, lookEveryMs)) return struck;
  throw new NotPlaced(`${struck.length} of ${count} requests came`);
}

/** The database has committed, and its answer is kept from the worker. */
async function withholdCommit(world: World, run: FaultRun): Promise<CutPoint> {
  const worker = pick(requireAwake(world), run.random);
  const settling = new Set<number>();
  const withheld = moment();
  const unwatch = worker.postgres.watch((passage) => {
    if (isSettle(passage)) settling.add(passage.connection);
    if (passage.from === "client" || !settling.has(passage.connection)) return undefined;
    withheld.comes();
    return "hold";
  });
  return atProxy(worker, withheld.hasCome, unwatch);
}

/** The worker has heard that its settle is written; that the job is done cannot reach the queue. */
async function withholdCompletion(world: World, run: FaultRun): Promise<CutPoint> {
  const worker = pick(requireAwake(world), run.random);
  const settling = new Set<number>();
  const heard = moment();
  const toQueue = ({ from }: Passage) => (settling.size > 0 && from === "client" ? "hold" : undefined);
  const unwatchQueue = worker.redis?.watch(toQueue);
  const unwatch = worker.postgres.watch((passage) => {
    if (isSettle(passage)) settling.add(passage.connection);
    if (worker.redis === null && passage.greeting.includes(queueSession)) return toQueue(passage);
    if (passage.from === "server" && settling.has(passage.connection)) setTimeout(heard.comes, heardAfterMs);
    return undefined;
  });
  return atProxy(worker, heard.hasCome, () => {
    unwatch();
    unwatchQueue?.();
  });
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

async function atProxy(worker: Slot, reached: Promise<void>, unwatch: () => void): Promise<CutPoint> {
  const release = async () => {
    unwatch();
    await Promise.all([worker.postgres.restore(), worker.redis?.restore()]);
  };
  try {
    if (!(await endsWithin(placedWithinMs, reached))) throw new NotPlaced(`${worker.name} did not settle`);
    return { worker, connectionIds: [], release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** PostgreSQL's protocol: a Bind names the statement that the worker had prepared on this connection. */
function isSettle({ from, data }: Passage): boolean {
  return from === "client" && data.includes("\0settle\0");
}

/** How a session of the queue calls itself when it begins. */
const queueSession = "application_name\0evergrant-queue";
