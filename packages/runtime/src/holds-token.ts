import { createHash, timingSafeEqual } from "node:crypto";

/**
 * Whether an Authorization header presents `token`, as a bearer token (Prometheus) or as the password of
 * basic authentication with any user name (a browser). Takes equally long for every wrong token.
 */
export function holdsToken(header: string | undefined, token: string): boolean {
  // The token itself may hold blanks.
  const [, scheme = "", credentials = ""] = /^(\S+) +(.*)$/s.exec(header ?? "") ?? [];
  if (scheme.toLowerCase() === "bearer") return isSame(credentials, token);
  if (scheme.toLowerCase() !== "basic") return false;
  const decoded = Buffer.from(credentials, "base64").toString("utf8");
  return decoded.includes(":") && isSame(decoded.slice(decoded.indexOf(":") + 1), token);
}

function isSame(presented: string, token: string): boolean {
  return timingSafeEqual(digest(presented), digest(token));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
