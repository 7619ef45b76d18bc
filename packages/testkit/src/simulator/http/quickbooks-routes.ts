import type { FastifyInstance } from "fastify";
import { providerBase } from "../token/issuer.ts";
import { replyHeaders } from "../token/wire.ts";
import { replyDiscoveryFault } from "./discovery-fault.ts";
import { revokeAs } from "./revoke-by-form.ts";
import type { SimulatorParts } from "./simulator-parts.ts";

/** Intuit beside its token endpoint: both discovery documents, keys, and the revocation that speaks JSON. */
export function addQuickbooksRoutes(app: FastifyInstance, parts: SimulatorParts): void {
  for (const environment of ["production", "sandbox"] as const) {
    app.get(discoveryPaths[environment], async (request, reply) => {
      reply.headers(replyHeaders("quickbooks"));
      if (await replyDiscoveryFault(parts, "quickbooks", reply)) return reply;
      return discovery(request.headers.host ?? "", environment);
    });
  }
  app.get("/quickbooks/op/v1/jwks", (_request, reply) =>
    reply.headers(replyHeaders("quickbooks")).send(parts.key.jwks()),
  );

  app.post("/quickbooks/v2/oauth2/tokens/revoke", (request, reply) => {
    reply.headers(replyHeaders("quickbooks"));
    const token = tokenOf(request.body);
    switch (revokeAs(parts, "quickbooks", request.headers.authorization, new Map(), token)) {
      case "bad_client":
        return reply.code(parts.ledger.rules.quickbooks.invalidClientStatus).send({ error: "invalid_client" });
      case "unknown_token":
        return reply.code(400).send({ error: "invalid_request" });
      case "revoked":
        return reply.code(200).send();
    }
  });
}

const discoveryPaths = {
  production: "/quickbooks/.well-known/openid_configuration",
  sandbox: "/quickbooks/.well-known/openid_sandbox_configuration",
};

function discovery(host: string, environment: "production" | "sandbox"): object {
  const { issuer, identity, api } = providerBase("quickbooks", host);
  const accounts = environment === "sandbox" ? "sandbox-accounts" : "accounts";
  return {
    issuer,
    authorization_endpoint: "https://appcenter.intuit.com/connect/oauth2",
    token_endpoint: `${identity}/oauth2/v1/tokens/bearer`,
    userinfo_endpoint: `https://${accounts}.platform.intuit.com/v1/openid_connect/userinfo`,
    revocation_endpoint: `${api}/v2/oauth2/tokens/revoke`,
    jwks_uri: `${identity}/op/v1/jwks`,
    response_types_supported: ["code"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"],
    scopes_supported: ["openid", "email", "profile", "address", "phone"],
    token_endpoint_auth_methods_supported: ["client_secret_post", "client_secret_basic"],
    claims_supported: ["aud", "exp", "iat", "iss", "realmid", "sub"],
  };
}

function tokenOf(body: unknown): string | undefined {
  const token = body !== null && typeof body === "object" && "token" in body ? body.token : undefined;
  return typeof token === "string" ? token : undefined;
}
