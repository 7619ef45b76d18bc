import type { ConnectionSchedule, FailureOutcome, ProviderDescriptor, SuccessOutcome } from "../src/index.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const NOW = Date.UTC(2026, 10, 21, 10);

export const descriptor: ProviderDescriptor = {
  provider: "sample",
  tokenUrl: "https://127.0.0.1/token",
  clientAuthentication: "basic",
  requestHeaders: {},
  requestParameters: {},
  fields: {
    accessToken: "access_token",
    refreshToken: "refresh_token",
    expiresIn: "expires_in",
    refreshTokenExpiresIn: "refresh_expires_in",
    refreshTokenHardExpiresIn: "hard_expires_in",
    error: "error",
    errorDescription: "error_description",
  },
  requestIdHeader: "x-request-id",
  errorRules: [],
  lifetimes: { accessTokenMs: 30 * MINUTE, inactivityMs: 60 * DAY },
  graceMs: 30 * MINUTE,
  schedule: { mode: "fresh", leadMs: 5 * MINUTE, jitterMs: 5 * MINUTE, keepaliveMs: DAY, safetyMarginMs: 10 * DAY },
  retry: { firstMs: 5_000, maxMs: 5 * MINUTE },
  strikeGapMs: MINUTE,
  breaker: {
    windowMs: 5 * MINUTE,
    leastRejected: 10,
    rejectedShare: 0.1,
    acceptedShare: 0.8,
    acceptedForMs: 86_400_000,
    leastMisconfigured: 3,
    probeMs: 15_000,
    vouchWithinMs: 86_400_000,
    vouchWithinRefusals: 8,
  },
  answerTimeoutMs: 2 * MINUTE,
};

export const connection: ConnectionSchedule = {
  id: "acme",
  mode: "fresh",
  accessTokenExpiresAt: NOW + 5 * MINUTE,
  grantExpiresAt: NOW + 60 * DAY,
  grantHardExpiresAt: null,
  strikes: 0,
  firstStrikeAt: null,
  failures: 0,
  unknownSince: null,
};

const nothingSaid = { status: 200, requestId: null, error: null, errorDescription: null };

export function success(tokens: Partial<SuccessOutcome["tokens"]> = {}): SuccessOutcome {
  return {
    kind: "rotated",
    tokens: {
      accessToken: "access",
      refreshToken: "refresh",
      expiresInMs: 30 * MINUTE,
      refreshTokenExpiresInMs: null,
      refreshTokenHardExpiresInMs: null,
      ...tokens,
    },
    evidence: nothingSaid,
  };
}

export function failure(kind: FailureOutcome["kind"], more: Partial<FailureOutcome> = {}): FailureOutcome {
  return {
    kind,
    reason: kind,
    retryAfterMs: null,
    mayHaveRotated: kind === "ambiguous",
    evidence: nothingSaid,
    ...more,
  };
}
