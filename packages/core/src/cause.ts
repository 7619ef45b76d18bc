import type { ConnectionSchedule } from "./connection.ts";

/**
 * Why a grant was refused, as far as the row alone can tell. `unexplained` covers what it cannot tell
 * apart: the customer disconnected, or the token presented was not the latest.
 */
export type RejectionCause = "hard_cap" | "inactivity" | "lost_answer" | "unexplained";

export const REJECTION_CAUSES: readonly RejectionCause[] = ["hard_cap", "inactivity", "lost_answer", "unexplained"];

/** The strongest explanation first: a limit that has passed needs no other. */
export function causeOfRejection(
  connection: Pick<ConnectionSchedule, "grantExpiresAt" | "grantHardExpiresAt" | "unknownSince">,
  now: number,
): RejectionCause {
  if (connection.grantHardExpiresAt !== null && connection.grantHardExpiresAt <= now) return "hard_cap";
  if (connection.grantExpiresAt !== null && connection.grantExpiresAt <= now) return "inactivity";
  if (connection.unknownSince !== null) return "lost_answer";
  return "unexplained";
}
