import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { auditWorld } from "../audit/audit-world.ts";
import { describeWaiting } from "../audit/describe-waiting.ts";
import { searchLogs, searchSecrets } from "../audit/search-secrets.ts";
import { settleDown } from "../audit/settle-down.ts";
import { watchStaleness } from "../audit/watch-staleness.ts";
import { catalogue } from "../faults/catalogue.ts";
import { startWorld } from "../world/start-world.ts";
import type { Backend, World } from "../world/world.ts";
import { drawPlan, type Planned } from "./draw-plan.ts";
import { type CampaignReport, type Death, type HappenedFault, reportOf } from "./report.ts";
import { runFaults } from "./run-faults.ts";
import { watchStalls } from "./watch-stalls.ts";

export interface CampaignOptions {
  readonly kills: number;
  readonly seed: number;
  readonly backend: Backend;
  readonly connections: number;
  /** Told how far it is, whenever that changes. */
  onProgress(progress: Progress): void;
  /** Gets the function that ends everything at once, before anything is started. */
  onStart?(close: () => Promise<void>): void;
}

export interface Progress {
  readonly phase: string;
  readonly done: number;
  readonly kills: number;
  readonly exposed: number;
  readonly latest: string;
}

/** The fleet works for so long before it is hurt, so that everything has been refreshed once. */
const warmUpMs = 8_000;

/**
 * Runs one campaign from beginning to end: raises a fleet, hurts it fault after fault, lets it settle, stops it
 * in order and audits every grant. Rejects when the harness fails; a broken promise is in the report instead.
 */
export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const { kills, seed, backend, connections } = options;
  const plan = drawPlan(catalogue, { seed, kills, backend });
  const log = createLog(options);
  log.phase("starting PostgreSQL, Redis, the provider simulator and the fleet");
  const world = await startWorld({
    seed,
    backend,
    connections,
    onDeath: log.death,
    onTrouble: log.trouble,
    onStart: (close) => options.onStart?.(close),
  });
  const staleness = watchStaleness(world.postgres);
  const stalls = watchStalls((stalledMs) => {
    log.stalled(stalledMs);
    world.losses.doubt(`this machine stood still for ${stalledMs} ms until ${new Date().toISOString()}`);
  });
  try {
    log.open(world);
    const startedAt = Date.now();
    await new Promise((resolve) => setTimeout(resolve, warmUpMs));
    log.phase("hurting it");
    await runFaults(world, plan, log);
    log.phase("settling");
    const open = await settleDown(world);
    if (open.length > 0) log.unsettled(open, await describeWaiting(world));
    log.phase("looking for secrets where none may be");
    await searchSecrets(world);
    log.phase("stopping the fleet and auditing every grant");
    await world.caretaker.close();
    await world.fleet.stop();
    const audit = await auditWorld(world);
    await searchLogs(world);
    return reportOf({
      options,
      plan,
      audit,
      searches: world.searches,
      open,
      unkept: world.unkept,
      timeline: log.timeline,
      deaths: log.deaths,
      recoverySeconds: world.recovery.seconds,
      staleSecondsMax: staleness.maxSeconds,
      reconnected: world.caretaker.reconnected,
      breakersAccepted: world.caretaker.accepted,
      lastedMs: Date.now() - startedAt,
      folder: world.folder,
    });
  } finally {
    stalls.close();
    staleness.close();
    await world.close();
  }
}

/** The journal of the campaign, a line of JSON for each thing that happened, and what the progress is told from. */
function createLog({ kills, onProgress }: CampaignOptions) {
  const startedAt = Date.now();
  const deaths: Death[] = [];
  const timeline = new Map<number, HappenedFault>();
  const lines: string[] = [];
  let world: World | undefined;
  let file: string | undefined;
  let phase = "";
  let latest = "";
  let done = 0;

  const write = (entry: object) => {
    lines.push(JSON.stringify({ atMs: Date.now() - startedAt, ...entry }));
    if (file !== undefined) appendFileSync(file, `${lines.splice(0).join("\n")}\n`);
  };
  const tell = () => onProgress({ phase, done, kills, exposed: world?.losses.exposedCount ?? 0, latest });
  const about = ({ number, fault, lengthMs }: Planned) => ({ fault: number, kind: fault.kind, lengthMs });
  return {
    deaths,
    timeline,
    open(opened: World) {
      world = opened;
      file = join(opened.folder, "campaign.jsonl");
    },
    phase(next: string) {
      phase = next;
      write({ phase });
      tell();
    },
    begins({ number, fault }: Planned) {
      timeline.set(number, { number, kind: fault.kind, from: Date.now(), to: null });
    },
    began(planned: Planned) {
      done += 1;
      latest = planned.fault.kind;
      write({ ...about(planned), event: "injected" });
      tell();
    },
    healed(planned: Planned) {
      const happened = timeline.get(planned.number);
      if (happened !== undefined) timeline.set(planned.number, { ...happened, to: Date.now() });
      write({ ...about(planned), event: "healed" });
    },
    note: (planned: Planned, details: object) => write({ ...about(planned), ...details }),
    death(name: string, code: number | null, wasUp: boolean) {
      deaths.push({ name, code, wasUp });
      write({ event: "ended by itself", name, code, wasUp });
    },
    unsettled: (open: readonly string[], details: object) => write({ event: "not settled", open, ...details }),
    stalled: (stalledMs: number) => write({ event: "stood still", stalledMs }),
    trouble: (what: string, error: unknown) => write({ event: "trouble", what, error: String(error) }),
  };
}
