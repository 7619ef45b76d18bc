import type { Decision } from "@evergrant/core";
import { type EventSubject, type Logger, reportEvent } from "@evergrant/runtime";
import { Counter, Histogram, type Registry } from "prom-client";
import type { RefreshReport } from "./refresh-connection.ts";

/** Answers take milliseconds to minutes; gateways give up at 30, 60 and 100 s. */
const DURATION_BUCKETS_S = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
/** Milliseconds on an ordinary day; as long as the database is away on another. */
const SETTLE_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120];
/** A lead of five minutes before a 30-minute token expires is what lateness eats up. */
const LATENESS_BUCKETS_S = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 1800];

/**
 * The one place where the end of a refresh becomes log lines and metrics of this process. Counts of
 * the fleet come from the tally instead, which no restart forgets.
 */
export function createEmitter(logger: Logger, register: Registry): (report: RefreshReport) => void {
  const labelNames = ["provider", "app"] as const;
  const registers = [register];
  const duration = new Histogram({
    name: "evergrant_refresh_duration_seconds",
    help: "Time from sending a token request to its judged answer.",
    labelNames,
    buckets: DURATION_BUCKETS_S,
    registers,
  });
  const settling = new Histogram({
    name: "evergrant_settle_duration_seconds",
    help: "Time from the judged answer of a token request until it was written.",
    labelNames,
    buckets: SETTLE_BUCKETS_S,
    registers,
  });
  const lateness = new Histogram({
    name: "evergrant_refresh_lateness_seconds",
    help: "How long after its due time a refresh began.",
    labelNames,
    buckets: LATENESS_BUCKETS_S,
    registers,
  });
  const unsettled = new Counter({
    name: "evergrant_stale_settles_total",
    help: "Settles that changed nothing because another refresh or a reconnect had come first.",
    labelNames,
    registers,
  });
  const candidatesUsed = new Counter({
    name: "evergrant_candidates_used_total",
    help: "Connections that live on by a token set that had come too late to be stored as current.",
    labelNames,
    registers,
  });
  return (report) => {
    const labels = { provider: report.provider, app: report.claim.appId };
    duration.observe(labels, report.durationMs / 1000);
    settling.observe(labels, report.settleMs / 1000);
    lateness.observe(labels, report.latenessMs / 1000);
    if (report.result === "stale") unsettled.inc(labels);
    if (report.decision.events.some(({ kind }) => kind === "candidate_used")) candidatesUsed.inc(labels);
    log(logger, report);
  };
}

function reportHeld(logger: Logger, subject: EventSubject, decision: Decision): void {
  for (const event of decision.events) if (event.kind !== "needs_reauth") reportEvent(logger, subject, event);
  reportEvent(logger, subject, { kind: "ending_held" });
}

function log(logger: Logger, { claim, provider, outcome, decision, result, durationMs }: RefreshReport): void {
  // Nearly every refresh: nothing to tell, nothing to be put together.
  if (result !== "stale" && decision.events.length === 0 && !logger.isLevelEnabled("debug")) return;
  const subject = { connection: claim.connection.id, oauthApp: claim.appId, provider };
  const { requestId, status } = outcome.evidence;
  const details = { generation: claim.generation, outcome: outcome.kind, status, requestId, durationMs };
  if (result === "stale") logger.warn({ ...subject, ...details }, "a late answer changed nothing");
  else logger.debug({ ...subject, ...details }, "refreshed");
  if (result === "escrowed") logger.warn({ ...subject, ...details }, "left in the escrow for another worker to settle");
  if (result === "settled") for (const event of decision.events) reportEvent(logger, subject, event);
  if (result === "held") reportHeld(logger, subject, decision);
}
