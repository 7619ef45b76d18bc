import {
  type Decision,
  decide,
  type FailureOutcome,
  isSuccess,
  judge,
  OUTCOME_KINDS,
  type Outcome,
  type SuccessOutcome,
} from "@evergrant/core";
import { type HostileCase, NOW } from "./hostile-case.ts";
import { howTold } from "./secrets.ts";

const THIRTY_YEARS = 30 * 365 * 86_400_000;
/** What `timestamptz` and `Date` can hold between them. */
const LAST_MOMENT = 8_640_000_000_000_000;

/** What an exchange came to, and what becomes of its row. */
export interface CheckedCase {
  readonly outcome: Outcome;
  readonly decision: Decision;
}

/**
 * Judges the answer, decides on the row, and holds both against what must be true whatever a provider says.
 *
 * @throws Error that names the rule that was broken; whatever judge and decide throw
 */
export function checkCase(given: HostileCase): CheckedCase {
  const outcome = judge(given.answer, given.descriptor, given.presented);
  checkOutcome(outcome, given);
  const sentAt = NOW - given.tookMs;
  const decision = decide(given.connection, outcome, given.descriptor, { sentAt, now: NOW, isProbe: given.isProbe });
  checkDecision(decision, outcome, given);
  return { outcome, decision };
}

/** The rules for an outcome alone, however it was obtained. */
export function checkOutcome(outcome: Outcome, given: Pick<HostileCase, "answer" | "descriptor" | "presented">): void {
  rule("the outcome is one of the known kinds", OUTCOME_KINDS.includes(outcome.kind));
  const said = readFields(given.answer.kind === "http" ? given.answer.body : null);
  const { accessToken, refreshToken } = given.descriptor.fields;
  const answered = { accessToken: textIn(said, accessToken), refreshToken: textIn(said, refreshToken) };
  if (isSuccess(outcome)) checkTokens(outcome, answered, given.presented.refreshToken);
  else checkFailure(outcome, answered, given);
  const secrets = [given.presented.refreshToken, given.presented.clientSecret, ...Object.values(answered)];
  checkTold(
    outcome,
    secrets.filter((secret) => secret !== null),
  );
}

interface Answered {
  readonly accessToken: string | null;
  readonly refreshToken: string | null;
}

function checkTokens({ kind, tokens }: SuccessOutcome, answered: Answered, presented: string): void {
  rule("a success has a token", (tokens.accessToken ?? tokens.refreshToken) !== null);
  rule("rotated means that there is a new refresh token", (kind === "rotated") === (tokens.refreshToken !== null));
  rule("the presented token is not taken for a new one", tokens.refreshToken !== presented);
  for (const name of ["accessToken", "refreshToken"] as const) {
    const isVerbatim = tokens[name] === null || tokens[name] === answered[name];
    rule(`the ${name} stands so in the answer`, isVerbatim && tokens[name] !== "");
  }
  const { expiresInMs, refreshTokenExpiresInMs, refreshTokenHardExpiresInMs } = tokens;
  for (const ms of [expiresInMs, refreshTokenExpiresInMs, refreshTokenHardExpiresInMs]) {
    rule("a lifetime is missing or sane", ms === null || (Number.isInteger(ms) && ms > 0 && ms <= THIRTY_YEARS));
  }
}

const FAILURE_FIELDS = "evidence kind mayHaveRotated reason retryAfterMs";
const LONGEST_TOKEN = 65_536;

function checkFailure(
  outcome: FailureOutcome,
  { refreshToken }: Answered,
  { answer, presented }: Pick<HostileCase, "answer" | "presented">,
): void {
  rule("a failure has no field for a token", Object.keys(outcome).toSorted().join(" ") === FAILURE_FIELDS);
  const retryAfter = outcome.retryAfterMs;
  rule("a pause is missing or sane", retryAfter === null || (Number.isFinite(retryAfter) && retryAfter >= 0));
  const isReadable = answer.kind === "http" && answer.status >= 200 && answer.status < 300;
  const isNew = refreshToken !== null && refreshToken !== "" && refreshToken !== presented.refreshToken;
  rule("a new refresh token in a readable 2xx is kept", !(isReadable && isNew && refreshToken.length <= LONGEST_TOKEN));
}

function checkTold(outcome: Outcome, secrets: readonly string[]): void {
  const { requestId, error, errorDescription } = outcome.evidence;
  const told = [requestId, error, errorDescription, "reason" in outcome ? outcome.reason : null];
  const text = told.filter((part) => part !== null).join("\n");
  rule("what is told is short and printable", /^[\x20-\x7e\n]{0,600}$/.test(text));
  if (text === "") return;
  for (const secret of secrets) {
    const spelling = howTold(text, secret);
    rule(`no secret is told (${JSON.stringify(told)} holds one, ${spelling})`, spelling === null);
  }
}

function checkDecision(decision: Decision, outcome: Outcome, { connection, isProbe, presented }: HostileCase): void {
  const hasEnded = decision.state !== "active";
  rule("only a rejection ends a grant", !hasEnded || outcome.kind === "rejected");
  rule("it takes two strikes", !hasEnded || (decision.strikes >= 2 && connection.strikes >= 1));
  rule("a probe ends nothing that was alive", !(hasEnded && isProbe && connection.strikes < 2));
  rule("a success ends all doubt", !isSuccess(outcome) || (decision.strikes === 0 && decision.unknownSince === null));
  const { dueAt } = decision;
  rule("an active connection is due again, unless it is off", dueAt !== null || hasEnded || connection.mode === "off");
  rule("a due time is not in the past", dueAt === null || dueAt >= NOW);
  for (const time of [
    dueAt,
    decision.accessTokenExpiresAt,
    decision.grantExpiresAt,
    decision.grantHardExpiresAt,
    decision.firstStrikeAt,
    decision.unknownSince,
  ]) {
    rule("a time is a moment", time === null || (Number.isSafeInteger(time) && Math.abs(time) <= LAST_MOMENT));
  }
  rule("the journal holds no secret", howTold(JSON.stringify(decision.events), presented.refreshToken) === null);
}

/** Read independently of the judge: the last of two fields of one name counts, as JSON.parse has it. */
function readFields(body: string | null): ReadonlyMap<string, unknown> {
  try {
    const value: unknown = JSON.parse(body ?? "");
    return new Map(typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : []);
  } catch {
    return new Map();
  }
}

function textIn(fields: ReadonlyMap<string, unknown>, name: string): string | null {
  const value = fields.get(name);
  return typeof value === "string" ? value : null;
}

function rule(name: string, holds: boolean): void {
  if (!holds) throw new Error(`Broken: ${name}`);
}
