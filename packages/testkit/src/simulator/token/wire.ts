import { hash, randomUUID } from "node:crypto";
import type { Grant, IssuedPair } from "../ledger/grant.ts";
import { hardExpiresAt, idleExpiresAt } from "../ledger/judge-token.ts";
import type { Ledger, Outcome } from "../ledger/ledger.ts";
import type { ProviderKind } from "../ledger/provider-rules.ts";
import { grantUuid, renderAccessToken } from "./access-token.ts";
import { providerBase } from "./issuer.ts";
import type { SigningKey } from "./signing-key.ts";

/** An answer of the token endpoint, ready to be sent. */
export interface TokenReply {
  status: number;
  headers: Record<string, string>;
  body: string;
  outcome: Outcome;
}

export interface GrantedAnswer {
  grant: Grant;
  pair: IssuedPair;
  changed: boolean;
  /** Host header of the request: it decides which issuer the JWTs name. */
  host: string;
  /** Whether the request asked for Intuit's hard expiry. */
  wantsHardExpiry: boolean;
  now: number;
}

/** A successful answer (RFC 6749 section 5.1) with the fields, spelling and headers of the provider. */
export function renderGranted(ledger: Ledger, key: SigningKey, answer: GrantedAnswer): TokenReply {
  const { grant } = answer;
  const fields =
    grant.kind === "quickbooks" ? quickbooksFields(ledger, key, answer) : commonFields(ledger, key, answer);
  return {
    status: 200,
    headers: replyHeaders(grant.kind),
    body: JSON.stringify(fields),
    outcome: answer.changed ? "rotated" : "renewed",
  };
}

/** An error answer (RFC 6749 section 5.2). Xero and Intuit leave the description out when there is none. */
export function renderError(kind: ProviderKind, status: number, error: string, description: string | null): TokenReply {
  const body = description === null ? { error } : { error, error_description: description };
  const outcome = error === "invalid_grant" || error === "invalid_client" ? error : "error";
  return { status, headers: replyHeaders(kind), body: JSON.stringify(body), outcome };
}

/** Headers of every answer at a token endpoint, errors included. */
export function replyHeaders(kind: ProviderKind): Record<string, string> {
  switch (kind) {
    case "xero":
      return {
        "content-type": "application/json; charset=utf-8",
        "cache-control": "no-store, no-cache, max-age=0",
        pragma: "no-cache",
      };
    case "quickbooks":
      return {
        "content-type": "application/json;charset=UTF-8",
        "cache-control": "no-cache, no-store",
        pragma: "no-cache",
        "strict-transport-security": "max-age=15552000",
        intuit_tid: randomUUID(),
      };
    case "strict":
      return { "content-type": "application/json", "cache-control": "no-store", pragma: "no-cache" };
  }
}

/** The refresh token's value as the customer of the API sees it. */
export function renderRefreshToken(ledger: Ledger, grant: Grant, generation: number): string {
  return ledger.seal.seal({ type: "refresh", grantNo: grant.no, number: generation, expiresAt: 0 });
}

function commonFields(ledger: Ledger, key: SigningKey, answer: GrantedAnswer): object {
  const { grant, pair } = answer;
  const { issuer } = providerBase(grant.kind, answer.host);
  const access = renderAccessToken(ledger, key, grant, pair, issuer);
  return {
    ...(grant.kind === "xero" && asksIdentity(grant) && { id_token: idToken(key, answer, issuer, access) }),
    access_token: access,
    expires_in: seconds(pair.accessExpiresAt - answer.now),
    token_type: "Bearer",
    ...refreshField(ledger, answer),
    ...(grant.scopes !== "" && { scope: grant.scopes }),
  };
}

function quickbooksFields(ledger: Ledger, key: SigningKey, answer: GrantedAnswer): object {
  const { grant, pair, now } = answer;
  const rules = ledger.rules.quickbooks;
  const { issuer } = providerBase("quickbooks", answer.host);
  const access = renderAccessToken(ledger, key, grant, pair, issuer);
  const hardLeftMs = hardExpiresAt(grant, rules) - now;
  const token = grant.tokens.get(pair.generation);
  const softLeftMs = Math.min(token ? idleExpiresAt(token, rules) - now : Infinity, hardLeftMs);
  return {
    ...(softLeftMs !== Infinity && { x_refresh_token_expires_in: seconds(softLeftMs) }),
    ...refreshField(ledger, answer),
    access_token: access,
    token_type: "bearer",
    expires_in: seconds(pair.accessExpiresAt - now),
    ...(answer.wantsHardExpiry && hardLeftMs !== Infinity && { x_refresh_token_hard_expires_in: seconds(hardLeftMs) }),
    ...(asksIdentity(grant) && { id_token: idToken(key, answer, issuer, access) }),
  };
}

function refreshField(ledger: Ledger, answer: GrantedAnswer): object {
  const { grant, pair } = answer;
  if (!answer.changed && ledger.rules[grant.kind].unchangedToken === "omit") return {};
  return { refresh_token: renderRefreshToken(ledger, grant, pair.generation) };
}

function asksIdentity(grant: Grant): boolean {
  return grant.scopes.split(" ").includes("openid");
}

/** OpenID Connect Core section 2; lives five minutes at Xero. Intuit's `aud` is a list, Xero's a string. */
function idToken(key: SigningKey, answer: GrantedAnswer, issuer: string, access: string): string {
  const { grant } = answer;
  const issuedAt = seconds(answer.now);
  const user = grantUuid(grant, "user");
  return key.signJwt({
    iss: issuer,
    aud: grant.kind === "quickbooks" ? [grant.clientId] : grant.clientId,
    iat: issuedAt,
    nbf: issuedAt,
    exp: issuedAt + 300,
    sub: user.replaceAll("-", ""),
    auth_time: seconds(grant.mintedAt),
    at_hash: hash("sha256", access, "buffer").subarray(0, 16).toString("base64url"),
    ...(grant.kind === "quickbooks" ? { realmid: String(grant.no + 1) } : { xero_userid: user }),
  });
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
