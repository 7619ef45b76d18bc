import { causeOfRejection, type RejectionCause } from "./cause.ts";
import type { ConnectionSchedule, ConnectionState } from "./connection.ts";
import type { ProviderDescriptor } from "./descriptor.ts";
import type { ConnectionEvent } from "./event.ts";
import { type FailureOutcome, isSuccess, type Outcome, type SuccessOutcome } from "./outcome.ts";
import { dueAfterFailure, dueAfterSuccess } from "./policy.ts";

/** Answers of `invalid_grant` on one generation that end a grant. */
export const STRIKES_TO_END = 2;

/** The connection's next row and what to tell of it. Times are epoch milliseconds. */
export interface Decision extends Omit<ConnectionSchedule, "id" | "mode"> {
  readonly state: ConnectionState;
  readonly dueAt: number | null;
  readonly cause: RejectionCause | null;
  readonly events: readonly ConnectionEvent[];
}

/**
 * What becomes of a connection after one refresh. Pure: the row as claimed, the outcome and the time
 * go in, the next row comes out. Only `rejected` can move a connection out of `active` (invariant 5).
 *
 * @param times.sentAt when the token request left, epoch ms: lifetimes in the answer count from here
 * @param times.now epoch ms, by the database's clock
 * @param times.isProbe whether the app's breaker was not closed: then a strike does not ripen
 */
export function decide(
  connection: ConnectionSchedule,
  outcome: Outcome,
  descriptor: ProviderDescriptor,
  times: Times,
): Decision {
  return isSuccess(outcome)
    ? decideSuccess(connection, outcome, descriptor, times)
    : decideFailure(connection, outcome, descriptor, times);
}

interface Times {
  readonly sentAt: number;
  readonly now: number;
  readonly isProbe?: boolean;
}

function decideSuccess(
  connection: ConnectionSchedule,
  outcome: SuccessOutcome,
  descriptor: ProviderDescriptor,
  { sentAt, now }: Times,
): Decision {
  const expiries = expiriesAfter(connection, outcome, descriptor, sentAt);
  const disturbed = connection.failures > 0 || connection.unknownSince !== null;
  const unknownForMs = connection.unknownSince === null ? null : now - connection.unknownSince;
  return {
    state: "active",
    ...expiries,
    dueAt: dueAfterAnswer({ ...connection, ...expiries }, outcome, descriptor, now),
    strikes: 0,
    firstStrikeAt: null,
    failures: 0,
    unknownSince: null,
    cause: null,
    events: disturbed ? [{ kind: "recovered", failures: connection.failures, unknownForMs }] : [],
  };
}

const LONGEST_HOLD_MS = 60 * 60_000;

/**
 * A decision to end, taken back: nobody has vouched for the app yet. The provider is asked again when as much time has
 * passed once more as since the first strike, an hour at most.
 *
 * @param now epoch ms, by the database's clock
 */
export function holdEnding(decision: Decision, connection: ConnectionSchedule, now: number): Decision {
  const waitMs = Math.min(LONGEST_HOLD_MS, Math.max(0, now - (decision.firstStrikeAt ?? now)));
  const isAsked = connection.mode !== "off" || decision.unknownSince !== null;
  const dueAt = isAsked ? now + waitMs : null;
  const events = decision.events.flatMap((event): ConnectionEvent[] => {
    if (event.kind === "needs_reauth") return [{ kind: "ending_held" }];
    return [event.kind === "refresh_failed" ? { ...event, retryInMs: isAsked ? waitMs : null } : event];
  });
  return { ...decision, state: "active", dueAt, events };
}

/** However short-lived an answer's tokens are, or unusable, the provider is not asked in a loop. */
function dueAfterAnswer(
  connection: ConnectionSchedule,
  { tokens }: SuccessOutcome,
  descriptor: ProviderDescriptor,
  now: number,
): number | null {
  const soonest = now + descriptor.retry.firstMs;
  if (tokens.accessToken === null) return soonest;
  const due = dueAfterSuccess(connection, descriptor, now);
  return due === null ? null : Math.max(due, soonest);
}

/** RFC 6749 section 5.1 lets `expires_in` be absent; then the provider's usual lifetime stands. */
function expiriesAfter(
  connection: ConnectionSchedule,
  { tokens }: SuccessOutcome,
  descriptor: ProviderDescriptor,
  sentAt: number,
): Pick<Decision, "accessTokenExpiresAt" | "grantExpiresAt" | "grantHardExpiresAt"> {
  const { accessTokenMs, inactivityMs } = descriptor.lifetimes;
  const softMs = tokens.refreshTokenExpiresInMs ?? inactivityMs;
  const hard = tokens.refreshTokenHardExpiresInMs;
  return {
    // An answer without an access token leaves none that could be used.
    accessTokenExpiresAt: tokens.accessToken === null ? sentAt : sentAt + (tokens.expiresInMs ?? accessTokenMs),
    grantExpiresAt: softMs === null ? null : sentAt + softMs,
    grantHardExpiresAt: hard === null ? connection.grantHardExpiresAt : sentAt + hard,
  };
}

function decideFailure(
  connection: ConnectionSchedule,
  outcome: FailureOutcome,
  descriptor: ProviderDescriptor,
  { sentAt, now, isProbe = false }: Times,
): Decision {
  const rejected = outcome.kind === "rejected";
  const cause = rejected ? causeOfRejection(connection, now) : null;
  const unknownSince = connection.unknownSince ?? (outcome.mayHaveRotated ? sentAt : null);
  const failures = connection.failures + 1;
  const strikes = rejected ? countStrike(connection, descriptor, now, isProbe) : connection;
  const ended = rejected && !isProbe && strikes.strikes >= STRIKES_TO_END;
  const dueAt = ended ? null : dueAgain({ ...connection, unknownSince }, outcome, strikes, failures, descriptor, now);

  const events: ConnectionEvent[] = [
    {
      kind: "refresh_failed",
      outcome: outcome.kind,
      reason: outcome.reason,
      cause,
      strikes: strikes.strikes,
      failures,
      retryInMs: dueAt === null ? null : dueAt - now,
      evidence: outcome.evidence,
    },
  ];
  if (ended) events.push({ kind: "needs_reauth", cause: cause ?? "unexplained", strikes: strikes.strikes });
  return {
    state: ended ? "needs_reauth" : "active",
    dueAt,
    accessTokenExpiresAt: connection.accessTokenExpiresAt,
    grantExpiresAt: connection.grantExpiresAt,
    grantHardExpiresAt: connection.grantHardExpiresAt,
    strikes: strikes.strikes,
    firstStrikeAt: strikes.firstStrikeAt,
    failures,
    unknownSince,
    cause,
    events,
  };
}

/** A strike too soon after the first proves nothing new and is not counted; nor is one while the app itself is in doubt. */
function countStrike(
  connection: ConnectionSchedule,
  descriptor: ProviderDescriptor,
  now: number,
  isProbe: boolean,
): { readonly strikes: number; readonly firstStrikeAt: number } {
  if (connection.strikes === 0 || connection.firstStrikeAt === null) return { strikes: 1, firstStrikeAt: now };
  const ripe = !isProbe && now - connection.firstStrikeAt >= descriptor.strikeGapMs;
  return { strikes: connection.strikes + (ripe ? 1 : 0), firstStrikeAt: connection.firstStrikeAt };
}

function dueAgain(
  connection: ConnectionSchedule,
  outcome: FailureOutcome,
  strikes: { readonly firstStrikeAt: number | null },
  failures: number,
  descriptor: ProviderDescriptor,
  now: number,
): number | null {
  // Nobody schedules a connection in mode off; only a rotation that may have been missed must not be left.
  if (connection.mode === "off" && connection.unknownSince === null) return null;
  if (outcome.kind === "rejected" && strikes.firstStrikeAt !== null) {
    return Math.max(now, strikes.firstStrikeAt + descriptor.strikeGapMs);
  }
  return dueAfterFailure(connection, outcome, failures, descriptor, now);
}
