import type { Client, Ledger } from "../ledger/ledger.ts";
import type { ProviderKind } from "../ledger/provider-rules.ts";

/** How a request names its client. Several readings, because Basic credentials arrive encoded in two ways. */
export interface Credentials {
  method: "basic" | "post" | "none";
  readings: Array<{ id: string; secret: string | null }>;
}

/**
 * Reads client credentials from the Authorization header or the form. Basic is read both as RFC 6749 section 2.3.1
 * has it (id and secret form-encoded first: openid-client) and plain (xero-node's refreshWithRefreshToken).
 * Returns null for a request that uses two methods at once, which section 2.3 forbids.
 */
export function readCredentials(
  authorization: string | undefined,
  form: ReadonlyMap<string, string>,
): Credentials | null {
  const formId = form.get("client_id");
  const formSecret = form.get("client_secret");
  if (authorization === undefined) {
    if (formId === undefined) return { method: "none", readings: [] };
    const secret = formSecret ?? null;
    return { method: secret === null ? "none" : "post", readings: [{ id: formId, secret }] };
  }
  if (formSecret !== undefined) return null;
  const readings = readBasic(authorization);
  const agrees = formId === undefined || readings.some((reading) => reading.id === formId);
  return agrees ? { method: "basic", readings } : null;
}

/** The client that the credentials prove, by the kind's rules; null when they prove none. */
export function authenticate(ledger: Ledger, kind: ProviderKind, credentials: Credentials): Client | null {
  const { method } = credentials;
  if (method !== "none" && !ledger.rules[kind].clientAuth.includes(method)) return null;
  for (const { id, secret } of credentials.readings) {
    const client = ledger.clients.get(id);
    if (client?.kind !== kind) continue;
    if (client.secrets.length === 0 ? secret === null : secret !== null && client.secrets.includes(secret)) {
      return client;
    }
  }
  return null;
}

/** The registered client that the credentials name, proven or not. */
export function claimedClient(ledger: Ledger, kind: ProviderKind, credentials: Credentials): Client | null {
  for (const { id } of credentials.readings) {
    const client = ledger.clients.get(id);
    if (client?.kind === kind) return client;
  }
  return null;
}

function readBasic(authorization: string): Credentials["readings"] {
  const [scheme, encoded, ...rest] = authorization.split(" ");
  if (scheme?.toLowerCase() !== "basic" || encoded === undefined || rest.length > 0) return [];
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0) return [];
  const plain = { id: text.slice(0, colon), secret: text.slice(colon + 1) };
  if (!/[%+]/.test(text)) return [plain];
  return [plain, { id: formDecode(plain.id), secret: formDecode(plain.secret) }];
}

function formDecode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    // A stray % is no encoding: the plain reading stands.
    return text;
  }
}
