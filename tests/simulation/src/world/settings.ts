/** The fleet as it is delivered: defaults of the environment variables of the same names. */
export const LEASE_MS = 30_000;
export const TICK_MS = 1_000;
export const SWEEP_MS = 30_000;
export const QUEUE_DEPTH = 2_000;
/** Refreshes that one worker has in flight at once, for each app. */
export const WORKER_CONCURRENCY = 200;

export const WORKERS = 3;
/** A stalled job is handed out again one to three times its lock's length later. */
export const STALLED_AFTER_MS = 45_000;
export const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;
export const STARTS_AT = Date.UTC(2026, 0, 1);
