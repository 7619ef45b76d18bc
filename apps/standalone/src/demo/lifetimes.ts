/** Time runs this much faster in the demo: 30 minutes of Xero pass in 10 seconds. */
export const SCALE = 180;

const SECOND = 1_000;

/**
 * Where the simulator departs from the scaled rules: QuickBooks' daily change of the refresh token
 * comes often enough to be seen, and a demo that was stopped for a night can be continued.
 */
export const SIMULATOR_RULES = {
  xero: { idleTtlMs: 60 * 24 * 3_600 * SECOND },
  quickbooks: { rotationIntervalMs: 20 * SECOND, idleTtlMs: 100 * 24 * 3_600 * SECOND },
};

/** Scaled like all else: those who leave in five minutes of the demo would look like a wave. */
const BREAKER = { windowMs: 2 * SECOND, probeMs: SECOND } as const;

/** The policy that fits these lifetimes, as overrides of the built-in descriptors; all else stays as it is. */
export const DESCRIPTORS = {
  xero: {
    lifetimes: { accessTokenMs: 10 * SECOND },
    graceMs: 10 * SECOND,
    schedule: { leadMs: 4 * SECOND, jitterMs: 2 * SECOND },
    retry: { firstMs: 300, maxMs: 2 * SECOND },
    strikeGapMs: 2 * SECOND,
    breaker: BREAKER,
  },
  quickbooks: {
    lifetimes: { accessTokenMs: 20 * SECOND },
    schedule: { keepaliveMs: 7 * SECOND, jitterMs: 2 * SECOND },
    retry: { firstMs: 300, maxMs: 2 * SECOND },
    strikeGapMs: 2 * SECOND,
    breaker: BREAKER,
  },
} as const;

/** Settings of the fleet's processes that keep up with it. */
export const FLEET_ENV = {
  EVERGRANT_TICK_MS: "500",
  EVERGRANT_SWEEP_MS: "2000",
  EVERGRANT_LEASE_MS: "5000",
} as const;

/** A customer who left this long ago must have been noticed. */
export const NOTICED_WITHIN_MS = 15 * SECOND;
