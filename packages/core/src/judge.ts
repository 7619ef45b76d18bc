import type { HttpAnswer, TokenEndpointAnswer } from "./answer.ts";
import type { ErrorRule, ProviderDescriptor } from "./descriptor.ts";
import type { Evidence, FailureOutcome, Outcome, TokenAnswer } from "./outcome.ts";
import { type KnownSecret, knownSecret, withoutEchoes } from "./without-echoes.ts";

/** No token lives longer; a greater number is a fault of the answer. */
const LONGEST_LIFETIME_MS = 30 * 365 * 86_400_000;
const LONGEST_DESCRIPTION = 200;
const LONGEST_ERROR = 60;
const LONGEST_REQUEST_ID = 100;
const LONGEST_TOKEN = 65_536;

/** The codes of RFC 6749 section 5.2 and their kin: words, so never mistaken for an echoed secret. */
const STANDARD_ERRORS: ReadonlySet<string> = new Set([
  "invalid_request",
  "invalid_client",
  "invalid_grant",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
  "temporarily_unavailable",
  "server_error",
  "slow_down",
]);

/** What the body says of an error, as it came: rules are matched on this, people see the evidence. */
interface Said {
  readonly error: string | null;
  readonly description: string | null;
}

/**
 * Turns what came back from a token endpoint into one outcome. Pure; the only place where status,
 * headers and body are classified (RFC 6749 sections 5.1, 5.2 and 6, then the descriptor's rules).
 *
 * @param presented the refresh token that was sent, and secrets that must not survive in evidence
 */
export function judge(
  answer: TokenEndpointAnswer,
  descriptor: ProviderDescriptor,
  presented: { readonly refreshToken: string; readonly clientSecret: string | null },
): Outcome {
  if (answer.kind === "none") {
    return answer.sent
      ? failure("ambiguous", `no_answer:${answer.code}`, NOTHING_SAID)
      : failure("unavailable", `not_sent:${answer.code}`, NOTHING_SAID);
  }
  const fields = parseObject(answer.body);
  const said: Said = {
    error: readText(fields?.[descriptor.fields.error]),
    description: readText(fields?.[descriptor.fields.errorDescription]),
  };
  const accessToken = readToken(fields?.[descriptor.fields.accessToken]);
  const refreshToken = readToken(fields?.[descriptor.fields.refreshToken]);
  const secrets = [presented.refreshToken, presented.clientSecret, accessToken, refreshToken];
  const evidence = readEvidence(answer, said, descriptor, secrets);
  const succeeded = answer.status >= 200 && answer.status < 300;

  // A refresh token in an answer is kept whatever else is wrong with the answer: it may be the only copy.
  if (succeeded && fields !== null && (accessToken ?? refreshToken) !== null) {
    const isNew = refreshToken !== null && refreshToken !== presented.refreshToken;
    if (accessToken !== null || isNew) {
      const tokens = readTokens(fields, descriptor, accessToken, isNew ? refreshToken : null);
      return { kind: isNew ? "rotated" : "renewed", tokens, evidence };
    }
  }
  if (said.error !== null) return judgeError(answer, said, evidence, descriptor);
  return judgeStatus(answer, said, evidence, descriptor);
}

const NOTHING_SAID: Evidence = { status: null, requestId: null, error: null, errorDescription: null };

function judgeError(
  answer: HttpAnswer,
  said: Said,
  evidence: Evidence,
  descriptor: ProviderDescriptor,
): FailureOutcome {
  const rule = descriptor.errorRules.find((candidate) => matches(candidate, answer.status, said));
  const reason = evidence.error ?? "unknown_error";
  if (rule !== undefined) return failure(rule.outcome, reason, evidence, answer);
  // An outage may dress its answer as an OAuth error (5xx with invalid_request was seen at Intuit).
  if (answer.status >= 500 || answer.status === 429) return judgeStatus(answer, said, evidence, descriptor);
  switch (said.error) {
    case "invalid_grant":
      return failure("rejected", reason, evidence, answer);
    case "temporarily_unavailable":
    case "server_error":
      return failure("unavailable", reason, evidence, answer);
    case "slow_down":
      return failure("throttled", reason, evidence, answer);
    default:
      // RFC 6749 section 5.2: the other codes speak of the client, its rights or its request.
      return failure("misconfigured", reason, evidence, answer);
  }
}

function judgeStatus(
  answer: HttpAnswer,
  said: Said,
  evidence: Evidence,
  descriptor: ProviderDescriptor,
): FailureOutcome {
  const { status } = answer;
  const rule = descriptor.errorRules.find(
    (candidate) => candidate.error === undefined && matches(candidate, status, said),
  );
  if (rule !== undefined) return failure(rule.outcome, `http_${status}`, evidence, answer);
  if (status === 429) return failure("throttled", "http_429", evidence, answer);
  if (status >= 500 || status === 408 || status === 425)
    return failure("unavailable", `http_${status}`, evidence, answer);
  // Web application firewalls answer 403 with a page of their own; a token endpoint does not.
  if (status === 403) return failure("unavailable", "http_403", evidence, answer);
  // The meaning of a 400 is in its body: one that broke off tells only that nothing was issued.
  if (status === 400 && answer.bodyFault !== null) return failure("unavailable", answer.bodyFault, evidence, answer);
  if (status >= 300 && status < 400) return failure("misconfigured", "redirected", evidence, answer);
  if (status >= 400) return failure("misconfigured", `http_${status}`, evidence, answer);
  return failure("ambiguous", answer.bodyFault ?? "unreadable_answer", evidence, answer);
}

function matches(rule: ErrorRule, status: number, said: Said): boolean {
  if (rule.status !== undefined && rule.status !== status) return false;
  if (rule.error !== undefined && rule.error !== said.error) return false;
  if (rule.descriptionIncludes === undefined) return true;
  return (said.description ?? "").toLowerCase().includes(rule.descriptionIncludes.toLowerCase());
}

function failure(
  kind: FailureOutcome["kind"],
  reason: string,
  evidence: Evidence,
  answer?: HttpAnswer,
): FailureOutcome {
  // A gateway's 5xx says nothing about what happened behind it.
  const mayHaveRotated = kind === "ambiguous" || (kind === "unavailable" && (evidence.status ?? 0) >= 500);
  return { kind, reason, retryAfterMs: answer === undefined ? null : readRetryAfter(answer), mayHaveRotated, evidence };
}

/** RFC 9110 section 10.2.3, delta-seconds form; a date is relative to the answer's own `date` header. */
function readRetryAfter(answer: HttpAnswer): number | null {
  const value = answer.headers["retry-after"]?.trim();
  if (value === undefined || value === "") return null;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const until = Date.parse(value);
  const from = Date.parse(answer.headers.date ?? "");
  if (Number.isNaN(until) || Number.isNaN(from)) return null;
  return Math.max(0, until - from);
}

function readTokens(
  fields: Record<string, unknown>,
  descriptor: ProviderDescriptor,
  accessToken: string | null,
  refreshToken: string | null,
): TokenAnswer {
  const names = descriptor.fields;
  return {
    accessToken,
    refreshToken,
    expiresInMs: readLifetime(fields, names.expiresIn),
    refreshTokenExpiresInMs: readLifetime(fields, names.refreshTokenExpiresIn),
    refreshTokenHardExpiresInMs: readLifetime(fields, names.refreshTokenHardExpiresIn),
  };
}

/**
 * Seconds as a number or as digits in a string. What cannot be a lifetime counts as missing, too great
 * a number as well: an epoch timestamp sent by mistake must not put the next refresh decades away.
 */
function readLifetime(fields: Record<string, unknown>, name: string | null): number | null {
  if (name === null) return null;
  const value = fields[name];
  const seconds = typeof value === "string" && /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : value;
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return null;
  const lifetimeMs = Math.round(seconds * 1000);
  return lifetimeMs > 0 && lifetimeMs <= LONGEST_LIFETIME_MS ? lifetimeMs : null;
}

function readToken(value: unknown): string | null {
  return typeof value === "string" && value !== "" && value.length <= LONGEST_TOKEN ? value : null;
}

function readText(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function readEvidence(
  answer: HttpAnswer,
  said: Said,
  descriptor: ProviderDescriptor,
  secrets: readonly (string | null)[],
): Evidence {
  // Most answers say nothing that could quote a secret; preparing four of them is left until one does.
  let prepared: readonly KnownSecret[] | undefined;
  const known = () => {
    prepared ??= secrets.flatMap((secret) => (secret === null ? [] : [knownSecret(secret)]));
    return prepared;
  };
  const isStandard = said.error !== null && STANDARD_ERRORS.has(said.error);
  return {
    status: answer.status,
    requestId: scrub(readHeader(answer, descriptor.requestIdHeader), LONGEST_REQUEST_ID, known),
    error: isStandard ? said.error : scrub(said.error, LONGEST_ERROR, known),
    errorDescription: scrub(said.description, LONGEST_DESCRIPTION, known),
  };
}

/** A provider may echo what it was sent; nothing that was sent may be repeated by us. */
function scrub(text: string | null, longest: number, secrets: () => readonly KnownSecret[]): string | null {
  if (text === null || text === "") return null;
  // A long unbroken run of token characters is no word of any language.
  return withoutEchoes(text, secrets())
    .replace(/[\w\-.~+/=%]{40,}/g, "[removed]")
    .slice(0, longest);
}

/** Only the answer's own: every object has a `constructor`, and a descriptor may name any header. */
function readHeader({ headers }: HttpAnswer, name: string | null): string | null {
  return name !== null && Object.hasOwn(headers, name) ? (headers[name] ?? null) : null;
}

function parseObject(body: string | null): Record<string, unknown> | null {
  if (body === null) return null;
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
