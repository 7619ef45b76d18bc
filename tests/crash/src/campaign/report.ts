import type { CanarySearch } from "@evergrant/testkit";
import type { FinalAudit } from "../audit/audit-world.ts";
import type { Exposure, ExposureCause, Loss, Touched } from "../audit/losses.ts";
import type { Backend } from "../world/world.ts";
import type { Planned } from "./draw-plan.ts";
import type { CampaignOptions } from "./run-campaign.ts";

/** A process of the fleet that ended although nobody had told it to. */
export interface Death {
  readonly name: string;
  readonly code: number | null;
  /** False for one that had not come up: while a server is away that is no news. */
  readonly wasUp: boolean;
}

/** When a fault happened, epoch ms; `to` is null for one that was not healed. */
export interface HappenedFault {
  readonly number: number;
  readonly kind: string;
  readonly from: number;
  readonly to: number | null;
}

/** The result of a campaign, as `--json` prints it. */
export interface CampaignReport {
  readonly ok: boolean;
  /** Each promise that was broken, in words. */
  readonly broken: readonly string[];
  readonly seed: number;
  readonly backend: Backend;
  readonly faults: number;
  readonly faultsByKind: Readonly<Record<string, number>>;
  readonly lastedSeconds: number;
  readonly connections: number;
  readonly grants: number;
  /** Token sets that the providers issued. */
  readonly refreshes: number;
  readonly requests: number;
  readonly lostByUs: number;
  readonly lostUnavoidably: number;
  /** What the harness placed: has to equal the number above, grant by grant. */
  readonly exposed: number;
  readonly exposedBy: Readonly<Record<ExposureCause, number>>;
  readonly lostToOperator: number;
  readonly falseReauth: number;
  readonly overlaps: number;
  readonly spentPresented: number;
  /** Of the grants that were lost unavoidably or to the operator: it was all there was to present. */
  readonly spentPresentedOfLost: number;
  readonly spentPresentedInGrace: number;
  /** Places where a token, a client secret or a key was found that may not be there. */
  readonly secretsFound: number;
  /** How much was searched for them. */
  readonly searchedBytes: number;
  /** Connections that in the end live by a grace window only: the newest token of their grant is nowhere. */
  readonly heldInGrace: number;
  /** How long the oldest answer that died with a worker had been in its memory alone. */
  readonly inMemorySecondsMax: number;
  readonly staleSecondsMax: number;
  readonly recoverySeconds: Readonly<Record<string, Recovery>>;
  readonly reconnected: number;
  readonly breakersAccepted: number;
  readonly revived: number;
  readonly candidatesUsed: number;
  readonly settledFromEscrow: number;
  /** Processes that ended by themselves after they had come up. */
  readonly endedByThemselves: readonly string[];
  readonly doubts: readonly string[];
  readonly evidence: Evidence;
  /** Where the logs of all processes are. */
  readonly logs: string;
  readonly replay: string;
}

export interface Recovery {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
}

/** Grants behind the numbers that have to be 0, each with the faults that were under way around it. */
export interface Evidence {
  readonly lostByUs: readonly WithFaults<Loss>[];
  readonly exposedButAlive: readonly Exposure[];
  readonly falseReauth: readonly WithFaults<Loss>[];
  readonly overlaps: readonly WithFaults<FinalAudit["overlaps"][number]>[];
  readonly spentPresented: readonly WithFaults<FinalAudit["spentPresented"][number]>[];
  readonly lostToOperator: readonly Touched[];
  readonly stories: FinalAudit["stories"];
  readonly secretsFound: CanarySearch["sightings"];
  readonly heldInGrace: readonly string[];
}

export type WithFaults<Item> = Item & { readonly faults: readonly string[] };

export interface Findings {
  readonly options: Pick<CampaignOptions, "kills" | "seed" | "backend" | "connections">;
  readonly plan: readonly Planned[];
  readonly audit: FinalAudit;
  readonly searches: readonly CanarySearch[];
  /** What was still open when the fleet had had its time to settle. */
  readonly open: readonly string[];
  /** What the fleet should have done by itself and did not. */
  readonly unkept: readonly string[];
  /** By number. */
  readonly timeline: ReadonlyMap<number, HappenedFault>;
  readonly deaths: readonly Death[];
  readonly recoverySeconds: ReadonlyMap<string, readonly number[]>;
  readonly staleSecondsMax: number;
  readonly reconnected: number;
  readonly breakersAccepted: number;
  readonly lastedMs: number;
  readonly folder: string;
}

/** Sums a campaign up and says which promises it broke. Pure. */
export function reportOf(findings: Findings): CampaignReport {
  const { options, plan, audit } = findings;
  const { losses } = audit;
  const exposures = [...losses.lostUnavoidably, ...losses.exposedButAlive];
  const endedByThemselves = findings.deaths.filter(({ wasUp }) => wasUp).map(({ name, code }) => `${name} (${code})`);
  const broken = brokenPromises(findings, endedByThemselves);
  const sightings = findings.searches.flatMap((search) => search.sightings);
  const withFaults = <Item extends { readonly at: number }>(item: Item): WithFaults<Item> => ({
    ...item,
    faults: faultsAround(findings.timeline, item.at),
  });
  return {
    ok: broken.length === 0,
    broken,
    seed: options.seed,
    backend: options.backend,
    faults: plan.length,
    faultsByKind: countBy<string>(plan.map(({ fault }) => fault.kind)) as Record<string, number>,
    lastedSeconds: Math.round(findings.lastedMs / 1_000),
    connections: audit.connections,
    grants: audit.grants,
    refreshes: audit.refreshes,
    requests: audit.requests,
    lostByUs: losses.lostByUs.length,
    lostUnavoidably: losses.lostUnavoidably.length,
    exposed: exposures.length,
    exposedBy: {
      placed: 0,
      collateral: 0,
      "answer withheld": 0,
      asleep: 0,
      ...countBy(exposures.map(({ cause }) => cause)),
    },
    lostToOperator: losses.lostToOperator.length,
    falseReauth: losses.falselyEnded.length,
    overlaps: total(audit.overlaps),
    spentPresented: total(audit.spentPresented),
    spentPresentedOfLost: audit.spentPresentedOfLost,
    spentPresentedInGrace: audit.spentPresentedInGrace,
    secretsFound: sightings.length,
    searchedBytes: findings.searches
      .flatMap(({ read }) => Object.values(read))
      .reduce((sum, { bytes }) => sum + bytes, 0),
    heldInGrace: audit.heldInGrace.length,
    inMemorySecondsMax: round(audit.longestInMemoryMs / 1_000),
    staleSecondsMax: round(findings.staleSecondsMax),
    recoverySeconds: Object.fromEntries(
      [...findings.recoverySeconds].map(([kind, seconds]) => [kind, quantiles(seconds)]),
    ),
    reconnected: findings.reconnected,
    breakersAccepted: findings.breakersAccepted,
    revived: audit.revived,
    candidatesUsed: audit.candidatesUsed,
    settledFromEscrow: audit.settledFromEscrow,
    endedByThemselves,
    doubts: losses.doubts,
    evidence: {
      lostByUs: losses.lostByUs.map(withFaults),
      exposedButAlive: losses.exposedButAlive,
      falseReauth: losses.falselyEnded.map(withFaults),
      overlaps: audit.overlaps.map(withFaults),
      spentPresented: audit.spentPresented.map(withFaults),
      lostToOperator: losses.lostToOperator,
      stories: audit.stories,
      secretsFound: sightings,
      heldInGrace: audit.heldInGrace,
    },
    logs: findings.folder,
    replay:
      `npm run crash -- --kills ${options.kills} --seed ${options.seed} --backend ${options.backend} ` +
      `--connections ${options.connections}`,
  };
}

function brokenPromises(findings: Findings, endedByThemselves: readonly string[]): string[] {
  const { audit, open, unkept, searches } = findings;
  const { losses } = audit;
  const counts: [number, string][] = [
    [losses.lostByUs.length, "grants were lost by us"],
    [losses.exposedButAlive.length, "grants that were exposed are not lost: the account is wrong"],
    [losses.falselyEnded.length, "grants were ended although a token that we hold is accepted"],
    [total(audit.overlaps), "requests overlapped another one of their grant"],
    [total(audit.spentPresented), "spent tokens were presented outside a grace window"],
    [audit.heldInGrace.length, "connections live by a grace window only"],
    [searches.flatMap(({ sightings }) => sightings).length, "places hold a secret that may not be there"],
    [endedByThemselves.length, "processes ended by themselves"],
  ];
  const broken = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return [...broken, ...open, ...unkept, ...unused(findings)];
}

/** A campaign of so many faults that did without a part of the safety did not test it. */
const testsEverything = 500;

function unused({ plan, audit }: Findings): string[] {
  if (plan.length < testsEverything) return [];
  const uses: [number, string][] = [
    [audit.settledFromEscrow, "no settlement came out of the escrow"],
    [audit.candidatesUsed, "no candidate was used"],
    [audit.revived, "no ending was taken back"],
  ];
  return uses.filter(([count]) => count === 0).map(([, what]) => `${what}: that was not tested`);
}

/** What was under way, or just over, when something happened to a grant. */
export function faultsAround(timeline: ReadonlyMap<number, HappenedFault>, at: number): string[] {
  return [...timeline.values()]
    .filter(({ from, to }) => from <= at + aroundMs && (to === null || to >= at - aroundMs))
    .map(({ number, kind }) => `${number} ${kind}`);
}

const aroundMs = 2_000;

function countBy<Key extends string>(keys: readonly Key[]): { [key in Key]?: number } {
  const counts: { [key in Key]?: number } = {};
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1;
  return counts;
}

function total(grants: readonly { readonly count: number }[]): number {
  return grants.reduce((sum, { count }) => sum + count, 0);
}

/** Nearest rank. */
export function quantiles(seconds: readonly number[]): Recovery {
  const sorted = seconds.toSorted((one, other) => one - other);
  const at = (share: number) => round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);
  return { count: sorted.length, p50: at(0.5), p99: at(0.99) };
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
