import { addToken, endGrant, type Grant, type IssuedPair, noteMisuse, type RefreshToken } from "./grant.ts";
import { insideGrace, isAccepted, judgeToken, type Verdict } from "./judge-token.ts";
import type { ProviderRules } from "./provider-rules.ts";

/** How many refresh tokens a grant keeps with all their times; older dead ones are only known to be spent. */
const keptTokens = 64;

export type Presentation =
  | { granted: true; pair: IssuedPair; changed: boolean }
  | { granted: false; reason: Verdict | "parallel" };

/** `overlapped`: another request for this grant was being served when this one arrived. */
export interface Moment {
  now: number;
  overlapped: boolean;
}

/**
 * Uses a refresh token by the provider's rules and records what that does: rotation, grace, reuse detection.
 * No clock, no chance and no I/O: the same grant, token and moment always end the same way.
 */
export function presentToken(grant: Grant, token: RefreshToken, rules: ProviderRules, moment: Moment): Presentation {
  const { now } = moment;
  if (token.spentAt !== null) {
    if (insideGrace(token, rules, now)) grant.spentInsideGrace += 1;
    else {
      grant.spentOutsideGrace += 1;
      noteMisuse(grant, "spent token presented outside its grace window", now);
    }
  }
  const verdict = judgeToken(grant, token, rules, now);
  if (!isAccepted(verdict)) {
    if (verdict === "spent" && rules.reuse === "revoke_family") endGrant(grant, "reuse", now);
    return { granted: false, reason: verdict };
  }
  if (moment.overlapped && rules.parallelUse !== "allow") {
    if (rules.parallelUse === "revoke_family") endGrant(grant, "reuse", now);
    return { granted: false, reason: "parallel" };
  }
  token.firstUsedAt ??= now;
  token.lastUsedAt = now;
  return verdict === "grace" ? retry(grant, token, rules, now) : use(grant, token, rules, now);
}

function use(grant: Grant, token: RefreshToken, rules: ProviderRules, now: number): Presentation {
  const rotates =
    rules.rotation === "always" || (rules.rotation === "interval" && now - token.issuedAt >= rules.rotationIntervalMs);
  if (!rotates) return { granted: true, pair: issueAccess(grant, token.generation, rules, now), changed: false };
  const pair = rotate(grant, rules, now);
  token.spentAt = now;
  token.successor = pair;
  forgetDeadTokens(grant, rules, now);
  return { granted: true, pair, changed: true };
}

function retry(grant: Grant, token: RefreshToken, rules: ProviderRules, now: number): Presentation {
  const first = token.successor;
  if (rules.graceAnswer === "new_pair" || first === null) {
    return { granted: true, pair: rotate(grant, rules, now), changed: true };
  }
  if (now < first.accessExpiresAt) return { granted: true, pair: first, changed: true };
  return { granted: true, pair: issueAccess(grant, first.generation, rules, now), changed: true };
}

function rotate(grant: Grant, rules: ProviderRules, now: number): IssuedPair {
  const next = addToken(grant, grant.nextGeneration, now);
  grant.rotations += 1;
  return issueAccess(grant, next.generation, rules, now);
}

function issueAccess(grant: Grant, generation: number, rules: ProviderRules, now: number): IssuedPair {
  const accessNumber = grant.nextAccessNumber;
  grant.nextAccessNumber += 1;
  return { generation, accessNumber, accessExpiresAt: now + rules.accessTokenTtlMs };
}

/** Oldest first, and only what no rule can bring back: a spent token inside its grace window stays. */
function forgetDeadTokens(grant: Grant, rules: ProviderRules, now: number): void {
  for (const token of grant.tokens.values()) {
    if (grant.tokens.size <= keptTokens) return;
    if (isAccepted(judgeToken(grant, token, rules, now))) return;
    grant.tokens.delete(token.generation);
  }
}
