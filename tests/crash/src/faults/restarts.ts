import type { Slot } from "../world/slot.ts";
import { pick, type World } from "../world/world.ts";
import { type FaultKind, NotPlaced } from "./fault.ts";
import { accountForDead } from "./kill-worker.ts";
import { becomes, requireAwake } from "./worker-at-work.ts";

const claimedWithinMs = 10_000;

/** Processes that end, by a signal that they hear or by one that they do not. */
export const restarts: readonly FaultKind[] = [
  scheduler("scheduler killed", 40, (all, random) => [pick(all, random)], kill),
  scheduler("scheduler told to stop", 30, (all, random) => [pick(all, random)], stop),
  scheduler("both schedulers killed", 15, (all) => all, kill),
  {
    kind: "all workers killed at once",
    weight: 20,
    needs: ["postgres", "redis", "provider", "tokens"],
    disturbs: ["workers"],
    async inject(world, run) {
      const workers = requireAwake(world, world.fleet.workers.length);
      const killedAt = Date.now();
      await Promise.all(workers.map((worker) => worker.kill()));
      return accountForDead(world, run, workers, { killedAt });
    },
  },
  {
    kind: "rolling restart of the workers",
    weight: 8,
    needs: ["postgres", "redis", "provider", "answers"],
    disturbs: ["workers"],
    async inject(world) {
      for (const worker of world.fleet.workers) {
        await worker.stop();
        await worker.start();
      }
      return {};
    },
  },
  {
    kind: "two fleets on one database",
    weight: 6,
    needs: ["postgres", "redis", "provider", "settings", "tokens", "answers"],
    disturbs: ["workers"],
    lengths: { short: 4_000 },
    async inject(world, run) {
      const second = await world.fleet.startSecond();
      if (!(await becomes(async () => second.workers.some(({ holder }) => holder !== null), claimedWithinMs))) {
        await second.stop();
        throw new NotPlaced("the second fleet claimed nothing");
      }
      // Long enough for the other fleet's next tick to find the connection still due.
      const { id } = await world.provider.setFault({ effect: { type: "latency", ms: [300, 900] }, probability: 0.3 });
      return {
        lastsMs: run.lengthMs,
        async heal() {
          await second.stop();
          await world.provider.clearFaults(id);
        },
      };
    },
  },
];

function scheduler(
  kind: string,
  weight: number,
  choose: (all: readonly Slot[], random: () => number) => readonly Slot[],
  end: (slot: Slot) => Promise<void>,
): FaultKind {
  return {
    kind,
    weight,
    needs: ["postgres"],
    disturbs: ["schedulers"],
    async inject(world: World, run) {
      const chosen = choose(world.fleet.schedulers, run.random);
      await Promise.all(chosen.map(end));
      const started = Promise.all(chosen.map((slot) => slot.start()));
      // One goes on alone while the other starts; nothing waits for that.
      return chosen.length === 1 ? {} : { lastsMs: 0, heal: async () => void (await started) };
    },
  };
}

function kill(slot: Slot): Promise<void> {
  return slot.kill();
}

function stop(slot: Slot): Promise<void> {
  return slot.stop();
}
