import type { Ending, Grant, RefreshToken } from "./grant.ts";
import type { ProviderRules } from "./provider-rules.ts";

/** What a refresh token is worth: `current` and `grace` are accepted, all else is refused. */
export type Verdict = "current" | "grace" | "spent" | "revoked" | "idle" | "hard";

export interface GrantLife {
  alive: boolean;
  endedBy: Ending | null;
  /** Unix milliseconds. */
  endedAt: number | null;
}

/** Says what presenting `token` at `now` (milliseconds) would meet. Changes nothing. */
export function judgeToken(grant: Grant, token: RefreshToken, rules: ProviderRules, now: number): Verdict {
  if (grant.revokedBy !== null) return "revoked";
  if (now >= hardExpiresAt(grant, rules)) return "hard";
  if (token.spentAt !== null) return insideGrace(token, rules, now) ? "grace" : "spent";
  return now >= idleExpiresAt(token, rules) ? "idle" : "current";
}

export function isAccepted(verdict: Verdict): boolean {
  return verdict === "current" || verdict === "grace";
}

export function insideGrace(token: RefreshToken, rules: ProviderRules, now: number): boolean {
  return token.spentAt !== null && now < token.spentAt + rules.graceMs;
}

/** Whether any refresh token of the grant still works, and if none does, since when and why. Changes nothing. */
export function lifeOf(grant: Grant, rules: ProviderRules, now: number): GrantLife {
  if (grant.revokedBy !== null) return { alive: false, endedBy: grant.revokedBy, endedAt: grant.revokedAt };
  const hardAt = hardExpiresAt(grant, rules);
  if (now >= hardAt) return { alive: false, endedBy: "hard", endedAt: hardAt };
  let idleAt = 0;
  for (const token of grant.tokens.values()) {
    if (isAccepted(judgeToken(grant, token, rules, now))) return { alive: true, endedBy: null, endedAt: null };
    if (token.spentAt === null) idleAt = Math.max(idleAt, idleExpiresAt(token, rules));
  }
  return { alive: false, endedBy: "idle", endedAt: idleAt };
}

/** When the token lapses if nobody uses it, in Unix milliseconds; Infinity where the provider sets no limit. */
export function idleExpiresAt(token: RefreshToken, rules: ProviderRules): number {
  return rules.idleTtlMs === null ? Infinity : (token.lastUsedAt ?? token.issuedAt) + rules.idleTtlMs;
}

/** When the grant ends whatever is done, in Unix milliseconds; Infinity where the provider sets no limit. */
export function hardExpiresAt(grant: Grant, rules: ProviderRules): number {
  return rules.hardTtlMs === null ? Infinity : grant.mintedAt + rules.hardTtlMs;
}
