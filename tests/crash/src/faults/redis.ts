import type { Redis } from "../world/redis.ts";
import type { World } from "../world/world.ts";
import { type FaultKind, type FaultRun, type Injected, NotPlaced, type Part } from "./fault.ts";
import { becomes } from "./worker-at-work.ts";

const emptyWithinMs = 10_000;

/**
 * Redis is emptied, away or full. The escrow is empty before its data is destroyed: entries wait there only
 * while PostgreSQL is away as well, and two servers lost at once is another question than this one.
 */
export const redisFaults: readonly FaultKind[] = [
  redisFault("Redis emptied (FLUSHALL)", 45, async (redis) => {
    await redis.command("FLUSHALL");
    return {};
  }),
  redisFault("Redis restarted without its data", 30, async (redis, run) => {
    if (run.random() < 0.5) await redis.server.kill();
    await redis.server.restart();
    return {};
  }),
  redisFault(
    "Redis away",
    10,
    async (redis, run) => {
      await redis.server.kill();
      return { lastsMs: run.lengthMs, heal: () => redis.server.restart() };
    },
    { short: 4_000, long: { ms: 60_000, times: 2 } },
  ),
  redisFault(
    "Redis silent",
    8,
    async (redis, run) => {
      redis.server.freeze();
      return { lastsMs: run.lengthMs, heal: async () => redis.server.thaw() };
    },
    { short: 5_000 },
  ),
  redisFault(
    "Redis out of memory",
    12,
    async (redis, run) => {
      await redis.command("CONFIG", "SET", "maxmemory", "1mb");
      return {
        lastsMs: run.lengthMs,
        heal: async () => void (await redis.command("CONFIG", "SET", "maxmemory", "0")),
      };
    },
    { short: 3_000 },
  ),
];

function redisFault(
  kind: string,
  weight: number,
  inject: (redis: Redis, run: FaultRun) => Promise<Injected>,
  lengths?: FaultKind["lengths"],
): FaultKind {
  const needs: readonly Part[] = ["postgres"];
  return {
    kind,
    weight,
    backend: "redis",
    needs,
    disturbs: ["redis"],
    ...(lengths && { lengths }),
    async inject(world, run) {
      return inject(await withEmptyEscrow(world), run);
    },
  };
}

async function withEmptyEscrow({ redis, holdings }: World): Promise<Redis> {
  if (redis === null) throw new Error("There is no Redis.");
  if (!(await becomes(async () => (await holdings.countEscrow()) === 0, emptyWithinMs))) {
    throw new NotPlaced("the escrow did not become empty");
  }
  return redis;
}
