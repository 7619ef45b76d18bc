import type { ConnectionEvent, ConnectionEventKind } from "@evergrant/core";
import type { Logger } from "./create-logger.ts";

/** Whose event it is. Ids and names only; `app` in a log line is the process, so the OAuth app is `oauthApp`. */
export interface EventSubject {
  readonly connection: string;
  readonly oauthApp: string;
  readonly provider: string;
}

/** How each event reads in the log: how loud, and in which words. */
const LINES: Readonly<Record<ConnectionEventKind, { level: "debug" | "info" | "warn"; text: string }>> = {
  refresh_failed: { level: "warn", text: "refresh failed" },
  recovered: { level: "info", text: "refreshes succeed again" },
  needs_reauth: { level: "warn", text: "the customer has to reconnect" },
  claim_recovered: { level: "warn", text: "took over a refresh whose outcome is unknown" },
  candidate_kept: { level: "warn", text: "a late token was kept as a candidate" },
  candidate_used: { level: "warn", text: "a candidate kept the connection alive" },
  settled_from_escrow: { level: "info", text: "settled from the escrow" },
  ending_held: { level: "warn", text: "refused for good, but the app itself is in doubt: nothing is ended" },
  revived: { level: "warn", text: "a late answer brought the connection back" },
  imported: { level: "info", text: "imported" },
  reconnected: { level: "info", text: "reconnected" },
};

/**
 * Writes the log line of one event: the only place where events become lines, so each reads the same
 * wherever it happened. An event has no field that could hold a token; what a provider said is scrubbed.
 */
export function reportEvent(logger: Logger, subject: EventSubject, event: ConnectionEvent): void {
  const { level, text } = LINES[event.kind];
  const { kind, ...details } = event;
  logger[level]({ event: kind, ...subject, ...details }, text);
}
