import type { FastifyInstance } from "fastify";
import type { Grant } from "../ledger/grant.ts";
import { grantUuid, openAccessToken } from "../token/access-token.ts";
import { providerBase } from "../token/issuer.ts";
import { replyDiscoveryFault } from "./discovery-fault.ts";
import { revokeByForm } from "./revoke-by-form.ts";
import type { SimulatorParts } from "./simulator-parts.ts";

/** Xero beside its token endpoint: discovery, keys, revocation, and the connections of the API. */
export function addXeroRoutes(app: FastifyInstance, parts: SimulatorParts): void {
  app.get("/xero/.well-known/openid-configuration", async (request, reply) => {
    if (await replyDiscoveryFault(parts, "xero", reply)) return reply;
    return discovery(request.headers.host ?? "");
  });
  app.get("/xero/.well-known/openid-configuration/jwks", () => parts.key.jwks());
  app.post("/xero/connect/revocation", (request, reply) => revokeByForm(parts, "xero", request, reply));

  app.get("/xero/connections", (request, reply) => {
    const grant = bearerGrant(parts, request.headers.authorization);
    if (!grant) return reply.code(401).send(tokenExpired);
    const { alive } = parts.ledger.lifeOf(grant, parts.now());
    return alive ? connectedTenants(grant).map((index) => renderConnection(grant, index)) : [];
  });
  /** Takes the connection's id, not the tenant's. The tokens outlive it. */
  app.delete<{ Params: { id: string } }>("/xero/connections/:id", (request, reply) => {
    const grant = bearerGrant(parts, request.headers.authorization);
    if (!grant) return reply.code(401).send(tokenExpired);
    const index = connectedTenants(grant).find(
      (tenant) => grantUuid(grant, "connection", tenant) === request.params.id,
    );
    if (index === undefined) return reply.code(404).send();
    grant.removedTenants = [...grant.removedTenants, index];
    parts.ledger.changes += 1;
    return reply.code(204).send();
  });
}

const tokenExpired = { type: null, title: "Unauthorized", status: 401, detail: "TokenExpired: token expired" };

function discovery(host: string): object {
  const { issuer, identity } = providerBase("xero", host);
  return {
    issuer,
    jwks_uri: `${identity}/.well-known/openid-configuration/jwks`,
    authorization_endpoint: `${identity}/connect/authorize`,
    token_endpoint: `${identity}/connect/token`,
    userinfo_endpoint: `${identity}/connect/userinfo`,
    end_session_endpoint: `${identity}/connect/endsession`,
    revocation_endpoint: `${identity}/connect/revocation`,
    introspection_endpoint: `${identity}/connect/introspect`,
    scopes_supported: ["openid", "profile", "email", "offline_access", "accounting.transactions"],
    claims_supported: ["sub", "email", "given_name", "family_name", "xero_userid"],
    grant_types_supported: ["authorization_code", "client_credentials", "refresh_token"],
    response_types_supported: ["code"],
    response_modes_supported: ["query", "form_post"],
    token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"],
    code_challenge_methods_supported: ["S256"],
  };
}

function bearerGrant(parts: SimulatorParts, authorization: string | undefined): Grant | null {
  const [scheme, value] = authorization?.split(" ") ?? [];
  if (scheme !== "Bearer" || value === undefined) return null;
  const opened = openAccessToken(parts.ledger, value);
  return opened?.grant.kind === "xero" && parts.now() < opened.sealed.expiresAt ? opened.grant : null;
}

function connectedTenants(grant: Grant): number[] {
  const all = Array.from({ length: grant.tenantCount }, (_, index) => index);
  return all.filter((index) => !grant.removedTenants.includes(index));
}

/** Xero's times have seven decimals and no zone. */
function renderConnection(grant: Grant, index: number): object {
  const connectedAt = new Date(grant.mintedAt).toISOString().replace("Z", "0000");
  return {
    id: grantUuid(grant, "connection", index),
    authEventId: grantUuid(grant, "authEvent"),
    tenantId: grantUuid(grant, "tenant", index),
    tenantType: "ORGANISATION",
    tenantName: tenantName(grant, index),
    createdDateUtc: connectedAt,
    updatedDateUtc: connectedAt,
  };
}

/** Name of a tenant of the grant, the same on every call. */
export function tenantName(grant: Grant, index: number): string {
  return index === 0 ? `${grant.customer} Ltd` : `${grant.customer} Branch ${index}`;
}
