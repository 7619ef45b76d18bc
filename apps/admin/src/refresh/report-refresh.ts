import type { RefreshAnswer, RefreshTicket, RefreshVerdict } from "@evergrant/store/requests";
import { describeAnswer } from "../print/describe-answer.ts";
import type { Printer } from "../print/printer.ts";

const TICKETS: Readonly<Record<Exclude<RefreshVerdict, "held">, string>> = {
  due: "due now",
  joined: "a refresh is in flight and answers this one",
  fresh: "refreshed a moment ago; use --force for another",
  needs_reauth: "not refreshed: the grant is dead; its customer must connect again, then import the new token",
  unknown: "not refreshed: there is no such connection",
};

/** What became of a request that nobody waits for, or that was refused. */
export function reportTicket(printer: Printer, { id, appId, verdict, since }: RefreshTicket): void {
  printer.json({ id, app: appId, verdict });
  const words = verdict === "held" ? heldInWords(appId) : TICKETS[verdict];
  printer.line(`${id}  ${since === null ? printer.colors.red(words) : words}`);
}

function heldInWords(appId: string | null): string {
  return `not refreshed: the breaker of ${appId ?? "its app"} is open; why, and what to do: evergrant breaker list`;
}

/** An outcome that was waited for. @returns whether it was a success */
export function reportAnswer(printer: Printer, ticket: RefreshTicket | undefined, answer: RefreshAnswer): boolean {
  const succeeded = answer.outcome === "rotated" || answer.outcome === "renewed";
  const words = describeAnswer(answer, Date.now());
  const { id, ...outcome } = answer;
  printer.json({ id, app: ticket?.appId, verdict: ticket?.verdict, ...outcome });
  printer.line(`${id}  ${succeeded ? printer.colors.green(words) : printer.colors.red(words)}`);
  return succeeded;
}

/** A refresh that did not end in time. */
export function reportTimeout(printer: Printer, { id, appId, verdict }: RefreshTicket, timeoutMs: number): void {
  printer.json({ id, app: appId, verdict, outcome: null, timedOut: true });
  const words = `no outcome within ${timeoutMs / 1_000} s; it goes on without you, look with: evergrant connection show ${id}`;
  printer.line(`${id}  ${printer.colors.yellow(words)}`);
}
