import type { Slot } from "../world/slot.ts";
import type { World } from "../world/world.ts";
import { NotPlaced } from "./fault.ts";

/** A worker with requests in hand at the point that a fault waits for. */
export interface WorkerAtWork {
  readonly worker: Slot;
  /** The connections of those requests. */
  readonly connectionIds: readonly string[];
}

/** Workers that may be hurt now; the others are down, start, sleep or are cut off. */
export function awakeWorkers({ fleet }: Pick<World, "fleet">): Slot[] {
  return fleet.workers.filter((worker) => worker.state === "up");
}

/** @throws NotPlaced when fewer are awake: somebody has to carry on while another one is hurt */
export function requireAwake(world: Pick<World, "fleet">, least = 2): Slot[] {
  const awake = awakeWorkers(world);
  if (awake.length < least) throw new NotPlaced(`${awake.length} workers are up`);
  return awake;
}

/**
 * Says whose requests a fault at the simulator has in its hands: the claims name the worker that made each.
 *
 * @returns the worker with most of them
 * @throws NotPlaced when none is of a worker that is up
 */
export async function findWorkerOf(world: World, fault: { readonly struck: readonly string[] }): Promise<WorkerAtWork> {
  const connectionIds = fault.struck.flatMap((grantId) => world.population.connectionOf(grantId) ?? []);
  const claims = await world.postgres.query<{ connectionId: string; holder: string }>(
    `SELECT connection_id AS "connectionId", holder FROM refresh_intent WHERE connection_id = ANY($1)`,
    [connectionIds],
  );
  const found = awakeWorkers(world)
    .map((worker) => ({ worker, own: claims.filter((claim) => claim.holder === worker.holder) }))
    .filter(({ own }) => own.length > 0)
    .toSorted((one, other) => other.own.length - one.own.length)[0];
  if (found === undefined) throw new NotPlaced("no worker that is up has a request there");
  return { worker: found.worker, connectionIds: found.own.map((claim) => claim.connectionId) };
}

const carriedOutWithinMs = 3_000;

/**
 * In one turn of its loop the provider accepts a connection, in the next it reads the request, in the one after
 * that it learns that nobody waits for the answer: an answer from each, with some to spare.
 */
const looksInARow = 8;

/**
 * Resolves when all that a dead worker had sent has been carried out: PostgreSQL has closed its sessions, and
 * the provider has looked at each of its requests.
 */
export async function carriedOut(world: World, worker: Slot): Promise<void> {
  if (!(await endsWithin(carriedOutWithinMs, worker.postgres.emptied()))) {
    throw new Error(`PostgreSQL still holds sessions of ${worker.name}, which is dead.`);
  }
  let clear = 0;
  const isDone = async () => {
    clear = (await world.provider.stats()).abandoned === 0 ? clear + 1 : 0;
    return clear >= looksInARow;
  };
  if (!(await becomes(isDone, carriedOutWithinMs, 5))) {
    throw new Error("The provider has not looked at all requests of a dead worker.");
  }
}

export async function endsWithin(limitMs: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  const ended = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return ended;
}

/** Whether a condition becomes true in time; it is asked every `everyMs`. */
export async function becomes(condition: () => Promise<boolean>, limitMs: number, everyMs = 50): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  return true;
}
