import type { TcpProxy } from "@evergrant/testkit";
import type { Slot } from "../world/slot.ts";
import { pick, type World } from "../world/world.ts";
import type { FaultKind, FaultRun, Injected } from "./fault.ts";
import { requireAwake } from "./worker-at-work.ts";

/**
 * Some workers lose their way to one server, while everybody else keeps it. Never to both at once: a worker
 * that can reach neither PostgreSQL nor the escrow is as good as dead, and others would take it for that.
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
    weight: 22,
    needs: ["postgres", "redis", "workers", "tokens", "answers"],
    lengths: { short: 7_000, long: { ms: 60_000, times: 2 } },
    inject: (world, run) => cutOff(world, run, (worker) => worker.postgres, 1),
  },
];

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
  for (const worker of chosen) {
    worker.state = "cut off";
    const way = wayOf(worker);
    if (isSilent) way?.silence();
    else await way?.cut();
  }
  run.note({ cutOff: chosen.map(({ name }) => name), isSilent });
  return {
    lastsMs: run.lengthMs,
    async heal() {
      for (const worker of chosen) {
        await wayOf(worker)?.restore();
        if (worker.state === "cut off") worker.state = "up";
      }
    },
  };
}
