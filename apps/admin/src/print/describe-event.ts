import type { JournalEntry } from "@evergrant/store";
import type { Printer } from "./printer.ts";
import { when } from "./when.ts";

/** One line of a timeline: when, what, and what the provider said. */
export function describeEvent(
  { at, kind, generation, detail }: JournalEntry,
  colors: Printer["colors"],
  now: number,
): string {
  const said = inWords(kind, isRecord(detail) ? detail : {});
  const text = said === "" ? kind : `${kind}: ${said}`;
  const painted = kind === "needs_reauth" ? colors.red(text) : kind === "refresh_failed" ? colors.yellow(text) : text;
  const place = generation === null ? "" : `  (generation ${generation})`;
  return `  ${new Date(at).toISOString()}  ${when(at, now).padStart(10)}  ${painted}${place}`;
}

function inWords(kind: string, detail: Record<string, unknown>): string {
  switch (kind) {
    case "refresh_failed":
      return failureInWords(detail);
    case "recovered":
      return `after ${text(detail.failures) ?? "some"} failed attempts`;
    case "needs_reauth":
      return `${text(detail.cause) ?? "unexplained"}, after ${text(detail.strikes) ?? "two"} refusals`;
    case "reconnected":
      return `was ${text(detail.previousState) ?? "unknown"}`;
    case "claim_recovered":
      return "an earlier refresh had never been settled";
    case "candidate_kept":
      return "a token set came too late to be current and was kept";
    case "candidate_used":
      return "the current token was refused, a kept one was not";
    case "settled_from_escrow":
      return `had waited ${Math.round(Number(detail.waitedMs ?? 0) / 1_000)} s for the database`;
    case "ending_held":
      return "refused for good, but the app itself is in doubt";
    case "revived":
      return "a late answer brought a living token";
    default:
      return "";
  }
}

function failureInWords(detail: Record<string, unknown>): string {
  const evidence = isRecord(detail.evidence) ? detail.evidence : {};
  const retryInMs = Number(detail.retryInMs ?? Number.NaN);
  const parts = [
    [text(detail.outcome), text(detail.reason)].filter((part) => part !== undefined).join(" "),
    text(evidence.status) === undefined ? undefined : `HTTP ${text(evidence.status)}`,
    text(evidence.errorDescription),
    text(evidence.requestId) === undefined ? undefined : `request ${text(evidence.requestId)}`,
    text(detail.cause) === undefined ? undefined : `cause ${text(detail.cause)}`,
    Number.isNaN(retryInMs) ? undefined : `tried again after ${Math.round(retryInMs / 1_000)} s`,
  ];
  return parts.filter((part) => part !== undefined && part !== "").join(", ");
}

function text(value: unknown): string | undefined {
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
