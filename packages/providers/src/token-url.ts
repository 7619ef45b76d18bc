/**
 * What keeps a URL from being asked for tokens; null when nothing does. Refresh tokens and client
 * secrets travel there, so only TLS will do (RFC 6749 section 3.2), except to this very machine.
 */
export function tokenUrlFault(text: string): string | null {
  if (!URL.canParse(text)) return "must be an absolute URL such as https://id.example.com/oauth/token";
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return "must not hold a user name or password";
  if (url.hash !== "") return "must not have a fragment (RFC 6749 section 3.2)";
  if (url.protocol === "https:") return null;
  if (url.protocol !== "http:") return "must begin with https://";
  return isLoopback(url.hostname) ? null : "must be https (plain http only to 127.0.0.1, [::1] or localhost)";
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
