import type { FaultEffect } from "@evergrant/testkit";
import { hasGrace } from "../audit/find-exposed.ts";
import { lifetimeMs } from "../world/apps.ts";
import { pickApp, type World } from "../world/world.ts";
import { type FaultKind, type FaultRun, type Injected, NotPlaced, type Part } from "./fault.ts";
import { becomes } from "./worker-at-work.ts";

const struckWithinMs = 6_000;
const mostAtOnce = 3;
const throttledAtOnce = 20;
const silentAtOnce = 4;

const needs: readonly Part[] = ["postgres", "redis", "provider", "workers", "settings", "tokens"];

/**
 * A provider that fails, and above all one that has rotated and does not say so. Where it leaves no grace, an
 * answer that it never delivered is lost to everybody: such a grant is exposed by the provider.
 */
export const providerFaults: readonly FaultKind[] = [
  withheld("provider rotated and reset the connection", { type: "drop", at: "rotated" }),
  withheld("provider rotated and answered 503", { type: "status", status: 503, body: "", at: "rotated" }),
  withheld("provider sent half an answer", { type: "half_body" }),
  {
    kind: "provider answered 429 with Retry-After",
    weight: 22,
    needs,
    async inject(world, run) {
      const { provider } = world;
      const { id: clientId } = pickApp(world.apps, run.random);
      const retryAfter = 1 + Math.floor(run.random() * 2);
      const times = 1 + Math.floor(run.random() * throttledAtOnce);
      const { id } = await provider.setFault({ clientId, times, effect: { type: "throttle", retryAfter } });
      if (!(await becomes(async () => ((await provider.fault(id))?.applied ?? 0) > 0, struckWithinMs))) {
        await provider.clearFaults(id);
        throw new NotPlaced("no request came");
      }
      return { lastsMs: retryAfter * 1_000, heal: () => provider.clearFaults(id) };
    },
  },
  {
    kind: "provider silent after it rotated",
    weight: 15,
    needs: ["postgres", "redis", "provider", "workers", "settings", "tokens"],
    disturbs: ["answers"],
    lengths: { short: 7_000, long: { ms: 60_000, times: 2 } },
    async inject(world, run) {
      const { provider } = world;
      const { id: clientId } = pickApp(world.apps, run.random);
      const hold = await provider.hold({ clientId, times: 1 + Math.floor(run.random() * silentAtOnce) }, "rotated");
      if (!(await becomes(async () => ((await provider.fault(hold))?.rotated.length ?? 0) > 0, struckWithinMs))) {
        await provider.clearFaults(hold);
        throw new NotPlaced("no request rotated");
      }
      return { lastsMs: run.lengthMs, heal: () => provider.clearFaults(hold) };
    },
  },
  {
    kind: "all providers down for ten lifetimes of an access token",
    weight: 5,
    needs: ["postgres", "redis", "settings", "tokens"],
    disturbs: ["provider"],
    lengths: { short: 8_000, long: { ms: 10 * lifetimeMs, times: 1 } },
    async inject({ provider }, run) {
      const { id } = await provider.setFault({ effect: { type: "status", status: 503, body: "", at: "received" } });
      return { lastsMs: run.lengthMs, heal: () => provider.clearFaults(id) };
    },
  },
];

function withheld(kind: string, effect: FaultEffect): FaultKind {
  return {
    kind,
    weight: 18,
    needs,
    inject: (world, run) => withholdAnswers(world, run, effect),
  };
}

async function withholdAnswers(world: World, run: FaultRun, effect: FaultEffect): Promise<Injected> {
  const { provider, population, losses } = world;
  const app = pickApp(world.apps, run.random);
  const times = 1 + Math.floor(run.random() * mostAtOnce);
  const { id } = await provider.setFault({ clientId: app.id, times, effect });
  const isUsedUp = async () => ((await provider.fault(id))?.applied ?? 0) >= times;
  await becomes(isUsedUp, struckWithinMs, 10);
  // Those that it has struck may be waiting out their latency, and what became of them is not known before.
  const { struck, withheld: grantIds } = await provider.stopFault(id);
  await provider.clearFaults(id);
  for (const grantId of hasGrace(world, app.id) ? [] : grantIds) {
    const connectionId = population.connectionOf(grantId) ?? "";
    losses.expose({ grantId, connectionId, fault: run.number, kind: run.kind, cause: "answer withheld" });
  }
  run.note({ app: app.id, struck, withheld: grantIds });
  if (grantIds.length === 0) throw new NotPlaced("no request rotated");
  return { felt: struck.flatMap((grantId) => population.connectionOf(grantId) ?? []) };
}
