import type { HttpAnswer, NoAnswer } from "@evergrant/core";
import { type Grant, hardExpiresAt, idleExpiresAt, type ProviderRules } from "@evergrant/testkit/rules";

/** The provider has certainly not seen the request. */
export const NOT_SENT: NoAnswer = { kind: "none", sent: false, code: "ECONNREFUSED" };
/** The provider may have done anything. */
export const SILENCE: NoAnswer = { kind: "none", sent: true, code: "ANSWER_TIMEOUT" };
export const RESET: NoAnswer = { kind: "none", sent: true, code: "ECONNRESET" };
export const UNAVAILABLE = http(503, {});

export function throttled(retryAfterS: number): HttpAnswer {
  return { ...http(429, {}), headers: { "retry-after": String(retryAfterS) } };
}

/** RFC 6749 section 5.2. */
export function oauthError(status: number, error: string, description: string | null): HttpAnswer {
  return http(status, description === null ? { error } : { error, error_description: description });
}

export interface Issued {
  readonly refreshToken: string;
  readonly accessToken: string;
  readonly accessExpiresAt: number;
  readonly generation: number;
}

/** RFC 6749 section 5.1, with those fields of the provider that say when the grant ends. */
export function granted(grant: Grant, rules: ProviderRules, now: number, issued: Issued): HttpAnswer {
  const { refreshToken, accessToken, accessExpiresAt, generation } = issued;
  // Put together by hand: nothing in it needs to be quoted, and this is done for every refresh.
  const usual = `"access_token":"${accessToken}","expires_in":${seconds(accessExpiresAt - now)},"token_type":"Bearer","refresh_token":"${refreshToken}"`;
  if (grant.kind !== "quickbooks") return answer(200, `{${usual}}`);
  const hardLeftMs = hardExpiresAt(grant, rules) - now;
  const token = grant.tokens.get(generation);
  const softLeftMs = Math.min(token === undefined ? hardLeftMs : idleExpiresAt(token, rules) - now, hardLeftMs);
  const ends = `"x_refresh_token_expires_in":${seconds(softLeftMs)},"x_refresh_token_hard_expires_in":${seconds(hardLeftMs)}`;
  return answer(200, `{${usual},${ends}}`);
}

function http(status: number, body: object): HttpAnswer {
  return answer(status, JSON.stringify(body));
}

function answer(status: number, body: string): HttpAnswer {
  return { kind: "http", status, headers: {}, body, bodyFault: null };
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}
