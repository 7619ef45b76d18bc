import type { RefreshMode } from "./descriptor.ts";

/** `active`: kept alive by us. `needs_reauth`: the grant is dead; only its customer can bring it back. */
export type ConnectionState = "active" | "needs_reauth";

export const CONNECTION_STATES: readonly ConnectionState[] = ["active", "needs_reauth"];

/** Brake of an OAuth app: while it is not `closed`, its connections are neither refreshed nor judged. */
export type BreakerState = "closed" | "open" | "half_open";

/** The only changes of state there are, and what may cause each. */
export const TRANSITIONS = [
  { from: "active", to: "needs_reauth", by: "second strike" },
  { from: "needs_reauth", to: "active", by: "reconnect" },
  { from: "needs_reauth", to: "active", by: "late answer" },
] as const satisfies readonly { from: ConnectionState; to: ConnectionState; by: string }[];

/** A connection as the policy sees it: the schedule's columns of its row. Times are epoch milliseconds. */
export interface ConnectionSchedule {
  readonly id: string;
  readonly mode: RefreshMode;
  readonly accessTokenExpiresAt: number | null;
  readonly grantExpiresAt: number | null;
  readonly grantHardExpiresAt: number | null;
  readonly strikes: number;
  readonly firstStrikeAt: number | null;
  readonly failures: number;
  /** Since when it is unknown whether the provider rotated the refresh token. */
  readonly unknownSince: number | null;
}
