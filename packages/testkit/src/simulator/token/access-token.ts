import type { Grant, IssuedPair } from "../ledger/grant.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { SealedToken } from "../ledger/token-seal.ts";
import type { SigningKey } from "./signing-key.ts";

/** Intuit's access tokens are encrypted JWTs of about a kilobyte: header, no key, nonce, content, tag. */
const jweHeader = Buffer.from(JSON.stringify({ enc: "A128CBC-HS256", alg: "dir" })).toString("base64url");
const jweContent = Buffer.alloc(600, "opaque").toString("base64url");

/** The access token of an answer, in the shape that its provider gives it. */
export function renderAccessToken(
  ledger: Ledger,
  key: SigningKey,
  grant: Grant,
  pair: IssuedPair,
  issuer: string,
): string {
  const expiresAt = pair.accessExpiresAt;
  const sealed = ledger.seal.seal({ type: "access", grantNo: grant.no, number: pair.accessNumber, expiresAt });
  if (grant.kind === "strict") return sealed;
  if (grant.kind === "quickbooks") return `${jweHeader}..${sealed}.${jweContent}.${sealed.slice(-22)}`;
  const claims = xeroClaims(grant, expiresAt - ledger.rules.xero.accessTokenTtlMs, expiresAt, issuer, sealed);
  return ledger.rules.xero.signAccessTokens ? key.signJwt(claims) : key.shapeJwt(claims);
}

/** The grant and expiry that an access token stands for; null if we never issued it. Expiry is not checked. */
export function openAccessToken(ledger: Ledger, value: string): { grant: Grant; sealed: SealedToken } | null {
  const sealed = ledger.seal.open(sealedPart(value));
  const grant = sealed?.type === "access" ? ledger.grants[sealed.grantNo] : undefined;
  return sealed && grant ? { grant, sealed } : null;
}

/** A stable id of something that belongs to a grant. Numbered rather than hashed: three of them are in every JWT. */
export function grantUuid(grant: Grant, what: keyof typeof uuidMarks, index = 0): string {
  const part = index.toString(16).padStart(4, "0");
  return `${uuidMarks[what]}-${part}-4000-8000-${grant.no.toString(16).padStart(12, "0")}`;
}

const uuidMarks = {
  user: "a0000000",
  session: "b0000000",
  authEvent: "c0000000",
  tenant: "d0000000",
  connection: "e0000000",
};

function xeroClaims(grant: Grant, issuedAt: number, expiresAt: number, issuer: string, sealed: string) {
  const user = grantUuid(grant, "user");
  return {
    nbf: Math.floor(issuedAt / 1000),
    exp: Math.floor(expiresAt / 1000),
    iss: issuer,
    aud: `${issuer}/resources`,
    client_id: grant.clientId,
    sub: user.replaceAll("-", ""),
    auth_time: Math.floor(grant.mintedAt / 1000),
    xero_userid: user,
    global_session_id: grantUuid(grant, "session").replaceAll("-", ""),
    jti: sealed,
    authentication_event_id: grantUuid(grant, "authEvent"),
    scope: grant.scopes.split(" "),
  };
}

function sealedPart(value: string): string {
  const parts = value.split(".");
  if (parts.length === 5) return parts[2] ?? "";
  const [, payload] = parts;
  if (parts.length !== 3 || payload === undefined) return value;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    const jti = claims !== null && typeof claims === "object" && "jti" in claims ? claims.jti : "";
    return typeof jti === "string" ? jti : "";
  } catch {
    return "";
  }
}
