/**
 * What one token request came to. Scopes: `rejected` is about this grant; `misconfigured` and
 * `throttled` are about the OAuth app; `unavailable` and `ambiguous` are about the way there.
 */
export type OutcomeKind =
  | "rotated"
  | "renewed"
  | "rejected"
  | "misconfigured"
  | "throttled"
  | "unavailable"
  | "ambiguous";

export const OUTCOME_KINDS: readonly OutcomeKind[] = [
  "rotated",
  "renewed",
  "rejected",
  "misconfigured",
  "throttled",
  "unavailable",
  "ambiguous",
];

export type Outcome = SuccessOutcome | FailureOutcome;

/** A token set was received. `rotated`: with a new refresh token; `renewed`: ours stays. */
export interface SuccessOutcome {
  readonly kind: "rotated" | "renewed";
  readonly tokens: TokenAnswer;
  readonly evidence: Evidence;
}

export interface FailureOutcome {
  readonly kind: Exclude<OutcomeKind, "rotated" | "renewed">;
  /** One of a closed vocabulary or the provider's `error` code; never a token. */
  readonly reason: string;
  /** How long the provider asked us to stay away; null when it did not say. */
  readonly retryAfterMs: number | null;
  /** Whether the provider may have rotated the refresh token without our knowing. */
  readonly mayHaveRotated: boolean;
  readonly evidence: Evidence;
}

/** What the provider said, for people and for diagnosis. Holds no token. */
export interface Evidence {
  readonly status: number | null;
  readonly requestId: string | null;
  readonly error: string | null;
  readonly errorDescription: string | null;
}

/** The tokens of one answer. Lifetimes are milliseconds from the moment the request was sent. */
export interface TokenAnswer {
  /** Null when an answer brought only a refresh token: it is kept all the same. */
  readonly accessToken: string | null;
  /** Null when the answer brought none, or the one that was presented. */
  readonly refreshToken: string | null;
  /** Null when missing or unusable. */
  readonly expiresInMs: number | null;
  readonly refreshTokenExpiresInMs: number | null;
  readonly refreshTokenHardExpiresInMs: number | null;
}

export function isSuccess(outcome: Outcome): outcome is SuccessOutcome {
  return outcome.kind === "rotated" || outcome.kind === "renewed";
}
