import { type Grant, noteMisuse, type RefreshToken } from "../ledger/grant.ts";
import type { Client, Ledger, Outcome } from "../ledger/ledger.ts";
import { presentToken } from "../ledger/present-token.ts";
import type { ProviderKind } from "../ledger/provider-rules.ts";
import { openAccessToken } from "./access-token.ts";
import { authenticate, type Credentials, claimedClient, readCredentials } from "./client-auth.ts";
import type { SigningKey } from "./signing-key.ts";
import { renderError, renderGranted, type TokenReply } from "./wire.ts";

/** What a token request consists of, apart from how it travelled. */
export interface TokenRequest {
  kind: ProviderKind;
  host: string;
  authorization: string | undefined;
  contentType: string | undefined;
  /** Value of `x-include-refresh-token-hard-expires-in`. */
  hardExpiry: string | undefined;
  body: string;
}

/** A request that was received and not yet finished. */
export interface TokenCall {
  readonly request: TokenRequest;
  /** Null when the body is no form, or repeats a parameter. */
  readonly form: ReadonlyMap<string, string> | null;
  readonly credentials: Credentials | null;
  /** The client that the request names, whether or not its secret is right. */
  readonly client: Client | null;
  readonly grant: Grant | null;
  readonly token: RefreshToken | null;
  /** Another request for the grant was being served when this one arrived. */
  readonly overlapped: boolean;
}

const emptyForm: ReadonlyMap<string, string> = new Map();

/** Receives a request: from here until `closeTokenCall` it counts as in flight. */
export function openTokenCall(ledger: Ledger, request: TokenRequest, now: number): TokenCall {
  const form = readForm(request);
  const credentials = readCredentials(request.authorization, form ?? emptyForm);
  const client = credentials ? claimedClient(ledger, request.kind, credentials) : null;
  const found = ledger.findToken(form?.get("refresh_token") ?? "");
  const known = found?.grant.kind === request.kind ? found : null;
  ledger.counters[request.kind].requests += 1;
  if (client) client.counters.requests += 1;
  ledger.changes += 1;
  const overlapped = known !== null && known.grant.inFlight > 0;
  if (known) {
    known.grant.inFlight += 1;
    known.grant.requests += 1;
    known.grant.lastPresentedAt = now;
    if (overlapped) {
      known.grant.overlaps += 1;
      noteMisuse(known.grant, "requests overlapped", now);
    }
  }
  return { request, form, credentials, client, grant: known?.grant ?? null, token: known?.token ?? null, overlapped };
}

/** Decides the answer and does what it says: after this the refresh token is spent, if the rules rotate. */
export function answerTokenCall(ledger: Ledger, key: SigningKey, call: TokenCall, now: number): TokenReply {
  const { request, form, credentials } = call;
  const { kind } = request;
  const fail = (error: string, description: string | null = null) => renderError(kind, 400, error, description);
  if (!form || !credentials) return fail("invalid_request");
  const client = authenticate(ledger, kind, credentials);
  if (!client) return refuseClient(ledger, kind, credentials);
  const grantType = form.get("grant_type");
  if (grantType === undefined && kind !== "xero") return fail("invalid_request");
  if (grantType !== "refresh_token") return fail("unsupported_grant_type");
  const value = form.get("refresh_token");
  if (value === undefined || value === "") return fail("invalid_request");
  const { grant, token } = call;
  if (!grant || !token) {
    const mistaken = openAccessToken(ledger, value)?.grant.kind === kind;
    return fail("invalid_grant", mistaken ? ledger.rules[kind].wrongClientDescription : nextWording(ledger, kind));
  }
  if (grant.clientId !== client.id) return fail("invalid_grant", ledger.rules[kind].wrongClientDescription);
  if (asksForMore(form.get("scope"), grant)) return fail("invalid_scope");
  const presentation = presentToken(grant, token, ledger.rules[kind], { now, overlapped: call.overlapped });
  if (!presentation.granted) return fail("invalid_grant", nextWording(ledger, kind));
  return renderGranted(ledger, key, {
    grant,
    pair: presentation.pair,
    changed: presentation.changed,
    host: request.host,
    wantsHardExpiry: request.hardExpiry === "true",
    now,
  });
}

/** Counts how the request ended. To be called before the client can see the answer. */
export function countTokenCall(ledger: Ledger, call: TokenCall, outcome: Outcome): void {
  ledger.countAnswer(call.request.kind, call.client, call.grant, outcome);
}

/** All of an answer that carries a new refresh token has been handed to the network. */
export function noteDelivery(call: TokenCall, reply: TokenReply, now: number): void {
  if (call.grant && reply.outcome === "rotated") call.grant.lastDeliveredAt = now;
}

/** The reply is finished, or the connection is gone. */
export function closeTokenCall(call: TokenCall): void {
  if (call.grant) call.grant.inFlight -= 1;
}

/** RFC 6749 section 3.2: a form, in which no parameter may be repeated. */
function readForm(request: TokenRequest): ReadonlyMap<string, string> | null {
  if (!request.contentType?.startsWith("application/x-www-form-urlencoded")) return null;
  const form = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(request.body)) {
    if (form.has(name)) return null;
    form.set(name, value);
  }
  return form;
}

/** RFC 6749 section 5.2: 401 must name the scheme that the client tried by the Authorization header. */
function refuseClient(ledger: Ledger, kind: ProviderKind, credentials: Credentials): TokenReply {
  const status = ledger.rules[kind].invalidClientStatus;
  const reply = renderError(kind, status, "invalid_client", null);
  if (status === 401 && credentials.method === "basic") reply.headers["www-authenticate"] = `Basic realm="${kind}"`;
  return reply;
}

/** RFC 6749 section 6: a refresh may narrow the scope, never widen it. */
function asksForMore(scope: string | undefined, grant: Grant): boolean {
  if (scope === undefined || scope === "") return false;
  const granted = new Set(grant.scopes.split(" "));
  return scope.split(" ").some((asked) => !granted.has(asked));
}

function nextWording(ledger: Ledger, kind: ProviderKind): string | null {
  const { invalidGrantDescriptions } = ledger.rules[kind];
  const wording = invalidGrantDescriptions[ledger.wordings[kind] % invalidGrantDescriptions.length];
  ledger.wordings[kind] += 1;
  return wording ?? null;
}
