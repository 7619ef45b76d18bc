import type { OutcomeKind } from "./outcome.ts";

/** When an OAuth app's breaker opens, and how it looks whether it may close again. Durations are milliseconds. */
export interface BreakerPolicy {
  /** Answers are looked at over this time. */
  readonly windowMs: number;
  /** A wave of `invalid_grant`: at least so many connections were refused for the first time in the window … */
  readonly leastRejected: number;
  /** … and they are at least this share of all that were answered in it, 0 to 1. */
  readonly rejectedShare: number;
  /**
   * The share instead, where more refusals are expected: of connections that have not been refreshed since an operator
   * accepted that customers leave …
   */
  readonly acceptedShare: number;
  /** … for so long after that. */
  readonly acceptedForMs: number;
  /** So many connections in a row were refused for the app's own fault, and none was refreshed in between. */
  readonly leastMisconfigured: number;
  /** How often one connection is tried while the breaker is open. */
  readonly probeMs: number;
  /** An ending waits for the app's other connections to vouch for it no longer than this … */
  readonly vouchWithinMs: number;
  /** … if its grant was refused so often meanwhile: an app that nobody asked about may have been down. */
  readonly vouchWithinRefusals: number;
}

/** Why a breaker is open. `rejections`: a wave of `invalid_grant`; `misconfigured`: the app itself is refused. */
export type BreakerReason = "rejections" | "misconfigured";

export const BREAKER_REASONS: readonly BreakerReason[] = ["rejections", "misconfigured"];

/** How many connections of an app were answered what. Each counts once, however often it was asked. */
export interface AnswersInWindow {
  /**
   * Refused for the first time in the window, or earlier and still awaiting the second refusal, which would
   * end them. Those that were when an operator accepted that they had left do not count.
   */
  readonly rejected: number;
  /** Of those, the connections not refreshed since a recent acceptance: more who leave are expected among them. */
  readonly expected: number;
  /** Refreshed in the window and not refused since. */
  readonly succeeded: number;
}

/**
 * Whether so many grants of one app were refused at once that it must be taken for our mistake (a wrong
 * environment, a restored backup, code that lost tokens) until somebody says otherwise. A few are normal:
 * customers leave. Once an operator has accepted that many do, nearly all have to be refused for a wave: a mistake
 * of ours that comes on top of it meets everybody.
 */
export function isWave(answers: AnswersInWindow, policy: BreakerPolicy): boolean {
  return wavesIn(answers, policy).some(
    ({ refused, share }) => refused >= policy.leastRejected && refused >= share * (refused + answers.succeeded),
  );
}

/** A wave is looked for among the connections that no acceptance speaks for, and among all. */
function wavesIn(
  { rejected, expected }: Refused,
  policy: Shares,
): { readonly refused: number; readonly share: number }[] {
  return [
    { refused: rejected - expected, share: policy.rejectedShare },
    { refused: rejected, share: Math.max(policy.acceptedShare, policy.rejectedShare) },
  ];
}

type Refused = Pick<AnswersInWindow, "rejected" | "expected">;
type Shares = Pick<BreakerPolicy, "rejectedShare" | "acceptedShare">;

/** With so many connections refreshed beside them, refusals are at the edge of being a wave in the making. Pure. */
export function vouchersNeeded(refused: Refused, policy: Shares): number {
  return Math.max(...wavesIn(refused, policy).map(({ refused: count, share }) => (count * (1 - share)) / share));
}

/**
 * How an app has fared since one of its connections was refused for the first time. Each connection counts once;
 * as succeeded only where it was refreshed with the client secret that was refused.
 */
export interface Vouching extends AnswersInWindow {
  /** The app's other active connections, asked by a schedule or not, whatever they were answered. */
  readonly others: number;
  /**
   * The connection was refreshed after its token set was stored: the set came from a backup, and may long be spent.
   * What its provider says of it says nothing of the customer.
   */
  readonly isSetBack: boolean;
}

/**
 * Whether a refusal may be believed: its token did not come from a backup, and since the first refusal so many other
 * connections were refreshed that the refusals are no wave in the making, or all others there are. A wave takes ten
 * refusals to be known; an app that is asked once in minutes would have lost some of them by then, one by one.
 */
export function isVouchedFor({ succeeded, others, isSetBack, ...refused }: Vouching, policy: Shares): boolean {
  return !isSetBack && succeeded >= Math.min(others, vouchersNeeded(refused, policy));
}

/**
 * Whether a grant has been refused for so long and so often that it ends without vouchers: the app's others may never
 * be asked, and its customer has to be told some day.
 */
export function isBelievedUnvouched(
  { firstStrikeAt, strikes, now }: { readonly firstStrikeAt: number; readonly strikes: number; readonly now: number },
  { vouchWithinMs, vouchWithinRefusals }: Pick<BreakerPolicy, "vouchWithinMs" | "vouchWithinRefusals">,
): boolean {
  return now - firstStrikeAt >= vouchWithinMs && strikes >= vouchWithinRefusals;
}

/**
 * The connections that an app's own fault kept from being refreshed since the last one that was: the
 * evidence for `misconfigured`, gathered answer by answer. One connection with a fault of its own (an
 * access token imported in place of the refresh token) never opens a breaker, however often it is tried.
 */
export interface MisconfiguredRun {
  readonly connectionIds: ReadonlySet<string>;
  /** When the earliest of their refreshes was claimed, epoch ms by the database's clock; null when there are none. */
  readonly since: number | null;
}

export const NO_MISCONFIGURED_RUN: MisconfiguredRun = { connectionIds: new Set(), since: null };

/** The run after one more answer. Answers that say nothing about the app leave it as it is. */
export function continueRun(
  run: MisconfiguredRun,
  answer: { readonly connectionId: string; readonly claimedAt: number; readonly outcome: OutcomeKind },
): MisconfiguredRun {
  switch (answer.outcome) {
    case "rotated":
    case "renewed":
    case "rejected":
      return NO_MISCONFIGURED_RUN;
    case "misconfigured":
      return {
        connectionIds: new Set(run.connectionIds).add(answer.connectionId),
        since: Math.min(run.since ?? answer.claimedAt, answer.claimedAt),
      };
    case "throttled":
    case "unavailable":
    case "ambiguous":
      return run;
  }
}

export function isMisconfigured(run: MisconfiguredRun, policy: BreakerPolicy): boolean {
  return run.connectionIds.size >= policy.leastMisconfigured;
}

/**
 * What the answer to a probe disproves: a breaker that is open for one of these reasons closes. A server
 * that judges the grant has accepted the client (RFC 6749 section 5.2), so a refused probe says that the
 * app itself is in order again; a wave is over only when a connection that was refused is refreshed.
 * Answers about the way there (throttled, unavailable, ambiguous) say nothing.
 */
export function reasonsDisproved(outcome: OutcomeKind): readonly BreakerReason[] {
  switch (outcome) {
    case "rotated":
    case "renewed":
      return BREAKER_REASONS;
    case "rejected":
      return ["misconfigured"];
    case "misconfigured":
    case "throttled":
    case "unavailable":
    case "ambiguous":
      return [];
  }
}
