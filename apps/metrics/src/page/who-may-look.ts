import { isIP } from "node:net";

const TOKEN_NEEDED =
  "This page names your customers. Set EVERGRANT_METRICS_TOKEN, or listen on 127.0.0.1 only (EVERGRANT_HOST), to see it.";
const FOREIGN_NAME =
  "Open this page by the address it listens on, such as http://127.0.0.1, or set EVERGRANT_METRICS_TOKEN.";

/**
 * Who sees the status page. It names customers, which `/metrics` never does: so `/metrics` is open where
 * no token is set, as scrapers expect, while the page then answers on this machine only, and only under
 * a name that no foreign web site can give to it (DNS rebinding).
 *
 * @returns why a request with this Host header may not see it; null when it may
 */
export function whoMayLook({
  boundTo,
  hasToken,
}: {
  /** The address listened on. */
  readonly boundTo: string;
  /** The token itself was checked before. */
  readonly hasToken: boolean;
}): (host: string | undefined) => string | null {
  if (hasToken) return () => null;
  if (!isLoopback(boundTo)) return () => TOKEN_NEEDED;
  return (host) => (isLoopback(nameIn(host ?? "")) ? null : FOREIGN_NAME);
}

export function isLoopback(name: string): boolean {
  return name === "localhost" || name === "::1" || (isIP(name) === 4 && name.startsWith("127."));
}

/** The name of a Host header, without port and brackets (RFC 9110 section 7.2). */
function nameIn(host: string): string {
  return host
    .toLowerCase()
    .replace(/:\d*$/, "")
    .replace(/^\[(.*)\]$/, "$1");
}
