import type { RefreshAnswer } from "@evergrant/store/requests";
import { moment, when } from "./when.ts";

/** How a refresh ended, and what it means for whoever asked. Times are epoch ms. */
export function describeAnswer(answer: RefreshAnswer, now: number): string {
  if (answer.outcome === "rotated" || answer.outcome === "renewed") {
    return `${answer.outcome}: generation ${answer.generation}, access token valid until ${moment(answer.accessTokenExpiresAt, now)}`;
  }
  return `${answer.outcome}${evidenceOf(answer)}: ${meaningOf(answer, now)}`;
}

function evidenceOf({ reason, status, requestId }: RefreshAnswer): string {
  const parts = [reason, status === null ? null : `HTTP ${status}`, requestId === null ? null : `request ${requestId}`];
  const known = parts.filter((part) => part !== null);
  return known.length === 0 ? "" : ` (${known.join(", ")})`;
}

function meaningOf({ outcome, state, dueAt }: RefreshAnswer, now: number): string {
  if (state === "needs_reauth") return "the grant is dead; its customer must connect again, then import the new token";
  const next = dueAt === null ? "it is not tried again by itself" : `tried again ${when(dueAt, now)}`;
  switch (outcome) {
    case "rejected":
      return `one refusal does not end a grant; ${next}`;
    case "misconfigured":
      return `the OAuth app is at fault (client id, secret or environment), not the grant; ${next}`;
    case "throttled":
      return `the provider asks for patience; ${next}`;
    case "unavailable":
      return `the provider is away; ${next}`;
    default:
      return `the answer was lost or unreadable; ${next}`;
  }
}
