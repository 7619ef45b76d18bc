import { setTimeout as delay } from "node:timers/promises";
import {
  type BreakerPolicy,
  type BreakerReason,
  continueRun,
  isMisconfigured,
  isSuccess,
  isWave,
  type MisconfiguredRun,
  NO_MISCONFIGURED_RUN,
} from "@evergrant/core";
import type { BreakerEvidence, endProbe, openBreaker, ReadAnswers, Settlement } from "@evergrant/store";
import { batch } from "./batch.ts";
import { UNDECRYPTABLE_TOKEN } from "./present-token.ts";
import type { RefreshReport } from "./refresh-connection.ts";

/** A settle may carry the only copy of a token: it waits no longer than this for the look at its app. */
const LONGEST_LOOK_MS = 1_000;
/**
 * So long after a breaker has closed, answers may still be due to what was wrong before: a worker
 * presents a client secret for up to two seconds after it was replaced.
 */
const AFTERMATH_MS = 3_000;
const MOST_APPS = 256;

export interface BreakerWatchParts {
  /** Null when the app is gone. */
  readonly policy: (appId: string) => Promise<BreakerPolicy | null>;
  readonly readAnswers: (appId: string, policy: BreakerPolicy) => Promise<ReadAnswers | null>;
  readonly open: (opening: Parameters<typeof openBreaker>[1]) => Promise<boolean>;
  readonly endProbe: (end: Parameters<typeof endProbe>[1]) => Promise<boolean>;
  readonly onOpened: (appId: string, reason: BreakerReason, evidence: BreakerEvidence) => void;
  readonly onClosed: (appId: string) => void;
  /** Told of the watch's own failures, such as a database that is away. They keep nothing else from going on. */
  readonly onError: (error: unknown) => void;
}

export interface BreakerWatch {
  /** Takes note of a refresh that has ended. Returns at once, and costs nothing when it went well. */
  note(report: Pick<RefreshReport, "claim" | "outcome">): void;
  /**
   * Looks at the apps of those settlements that would end a grant, or that nobody vouches for, so that the wave
   * they belong to is seen before its first grant ends. Never rejects and never takes long.
   */
  beforeSettle(settlements: readonly Settlement[]): Promise<void>;
  /** Resolves when nothing of what was noted is under way any more. */
  idle(): Promise<void>;
}

/**
 * What opens and closes an app's breaker as seen from one worker. `misconfigured` opens it from this
 * worker's own answers, `rejections` from the rows of the whole fleet; the answer to a probe closes it.
 * A worker that dies takes only its run of `misconfigured` along, which the next few answers replace.
 */
export function watchBreakers(parts: BreakerWatchParts): BreakerWatch {
  const runs = new Map<string, MisconfiguredRun>();
  const underWay = new Set<Promise<void>>();

  const inBackground = (work: Promise<unknown>) => {
    const settled = work.then(() => undefined, parts.onError).finally(() => underWay.delete(settled));
    underWay.add(settled);
  };

  const open = async (appId: string, policy: BreakerPolicy, opening: Opening) => {
    const { probeMs } = policy;
    if (await parts.open({ appId, probeMs, ...opening })) parts.onOpened(appId, opening.reason, opening.evidence);
  };

  const openIfMisconfigured = async (appId: string) => {
    const policy = await parts.policy(appId);
    const run = runs.get(appId) ?? NO_MISCONFIGURED_RUN;
    if (policy === null || run.since === null || !isMisconfigured(run, policy)) return;
    // Whether it opens or is open already: the next opening takes new evidence.
    runs.delete(appId);
    const evidence = { misconfigured: run.connectionIds.size };
    await open(appId, policy, { reason: "misconfigured", evidence, evidenceFrom: run.since - AFTERMATH_MS });
  };

  const openIfWave = async (appId: string) => {
    const policy = await parts.policy(appId);
    const answers = policy === null ? null : await parts.readAnswers(appId, policy);
    if (policy === null || answers === null || !isWave(answers, policy)) return;
    const { readAt, ...evidence } = answers;
    await open(appId, policy, { reason: "rejections", evidence, evidenceFrom: readAt });
  };

  /** One look at a time, which serves all who asked for it before it began. */
  const look = batch<string, void>(async (appIds) => {
    const looks = new Map([...new Set(appIds)].map((appId) => [appId, openIfWave(appId).catch(parts.onError)]));
    await Promise.all(looks.values());
    return appIds.map(() => undefined);
  }, MOST_APPS);

  const endProbe = async ({ claim, outcome }: Pick<RefreshReport, "claim" | "outcome">) => {
    const { appId, claimedAt, connection } = claim;
    const closed = await parts.endProbe({ appId, connectionId: connection.id, outcome: outcome.kind, claimedAt });
    if (closed) parts.onClosed(appId);
  };

  return {
    note(report) {
      const { claim, outcome } = report;
      const { appId, claimedAt } = claim;
      if (claim.isProbe) inBackground(endProbe(report));
      if (isSuccess(outcome) || outcome.kind === "rejected") runs.delete(appId);
      if (isSuccess(outcome) || claim.isProbe) return;
      if (outcome.kind === "rejected") inBackground(look(appId));
      // A token that this worker cannot open says nothing about the app: its own key ring may be at fault.
      if (outcome.kind !== "misconfigured" || outcome.reason === UNDECRYPTABLE_TOKEN) return;
      const answer = { connectionId: claim.connection.id, claimedAt, outcome: outcome.kind };
      runs.set(appId, continueRun(runs.get(appId) ?? NO_MISCONFIGURED_RUN, answer));
      inBackground(openIfMisconfigured(appId));
    },

    async beforeSettle(settlements) {
      const ending = settlements.filter(isRefusedForGood);
      if (ending.length === 0) return;
      const looks = Promise.all([...new Set(ending.map(({ appId }) => appId))].map(look));
      inBackground(looks);
      await Promise.race([looks, delay(LONGEST_LOOK_MS, undefined, { ref: false })]);
    },

    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}

function isRefusedForGood({ decision }: Settlement): boolean {
  return decision.state === "needs_reauth" || decision.events.some(({ kind }) => kind === "ending_held");
}

interface Opening {
  readonly reason: BreakerReason;
  readonly evidence: BreakerEvidence;
  readonly evidenceFrom: number;
}
