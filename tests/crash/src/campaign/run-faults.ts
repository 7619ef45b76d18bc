import { setTimeout as delay } from "node:timers/promises";
import { type FaultRun, type Injected, NotPlaced } from "../faults/fault.ts";
import type { World } from "../world/world.ts";
import { chooseNext } from "./conflicts.ts";
import type { Planned } from "./draw-plan.ts";

const lookEveryMs = 20;
const tryAgainAfterMs = 150;
/** A moment that has not come in this time never will. What keeps it from being waited for, such as a long fault, does not count. */
const placedWithinMs = 180_000;
/** Of the time between two tries no more counts: it may have been held up. */
const pauseCountsMs = 500;

/** Told as faults come and go. */
export interface FaultListener {
  begins(planned: Planned): void;
  began(planned: Planned): void;
  healed(planned: Planned): void;
  note(planned: Planned, details: object): void;
}

/**
 * Injects the faults of a plan, one at a time, each as soon as it gets on with those that are still under way.
 * One whose moment does not come is tried again later, with the dice that it has left.
 *
 * @throws Error when a fault cannot be placed at all, or the harness itself fails; what is under way is healed first
 */
export async function runFaults(world: World, plan: readonly Planned[], listener: FaultListener): Promise<void> {
  const waiting = plan.map((planned) => ({
    planned,
    fault: planned.fault,
    blockedSince: null as number | null,
    notBefore: 0,
    lastTriedAt: null as number | null,
    triedForMs: 0,
    lastReason: "",
  }));
  const underWay = new Map<Planned, Promise<void>>();
  const failures: unknown[] = [];

  while (waiting.length > 0 && failures.length === 0) {
    const now = Date.now();
    const claims = [...underWay.keys()].map(({ fault }) => fault);
    const index = chooseNext(waiting, claims, now);
    const [head] = waiting;
    if (index !== 0 && head !== undefined) head.blockedSince ??= now;
    const [next] = index === -1 ? [] : waiting.splice(index, 1);
    if (next === undefined) {
      await delay(lookEveryMs);
      continue;
    }
    const { planned } = next;
    listener.begins(planned);
    try {
      const injected = await planned.fault.inject(world, runOf(planned, listener));
      listener.began(planned);
      const healing = healLater(world, planned, injected)
        .then(() => listener.healed(planned))
        .catch((error: unknown) => void failures.push(named(planned, error)))
        .finally(() => underWay.delete(planned));
      underWay.set(planned, healing);
      if (injected.lastsMs === undefined) await healing;
    } catch (error) {
      const triedAt = Date.now();
      next.triedForMs += triedAt - now + Math.min(now - (next.lastTriedAt ?? now), pauseCountsMs);
      next.lastTriedAt = triedAt;
      if (!(error instanceof NotPlaced) || next.triedForMs > placedWithinMs) failures.push(named(planned, error));
      else {
        if (error.message !== next.lastReason) listener.note(planned, { notPlaced: error.message });
        next.lastReason = error.message;
        next.notBefore = triedAt + tryAgainAfterMs;
        waiting.unshift(next);
      }
    }
  }
  await Promise.all(underWay.values());
  if (failures.length > 0) throw failures[0];
}

function runOf({ number, fault, lengthMs, random }: Planned, listener: FaultListener): FaultRun {
  const planned = { number, fault, lengthMs, random };
  return { number, kind: fault.kind, random, lengthMs, note: (details) => listener.note(planned, details) };
}

async function healLater(world: World, { fault }: Planned, injected: Injected): Promise<void> {
  const { lastsMs = 0, heal, felt } = injected;
  await delay(lastsMs);
  await heal?.();
  if (felt === null) return;
  const { since = Date.now() } = injected;
  await world.recovery.begin(fault.kind, felt && { connectionIds: felt, since });
}

function named({ number, fault }: Planned, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Error(`Fault ${number} (${fault.kind}) could not be carried through: ${why}`, { cause });
}
