import type { FastifyInstance } from "fastify";
import { providerBase } from "../token/issuer.ts";
import { replyDiscoveryFault } from "./discovery-fault.ts";
import { revokeByForm } from "./revoke-by-form.ts";
import type { SimulatorParts } from "./simulator-parts.ts";

/** The generic provider beside its token endpoint: RFC 8414 metadata and RFC 7009 revocation. */
export function addStrictRoutes(app: FastifyInstance, parts: SimulatorParts): void {
  app.get("/strict/.well-known/oauth-authorization-server", async (request, reply) => {
    if (await replyDiscoveryFault(parts, "strict", reply)) return reply;
    const { issuer, identity } = providerBase("strict", request.headers.host ?? "");
    return {
      issuer,
      authorization_endpoint: `${identity}/oauth/authorize`,
      token_endpoint: `${identity}/oauth/token`,
      revocation_endpoint: `${identity}/oauth/revoke`,
      response_types_supported: ["code"],
      grant_types_supported: ["authorization_code", "refresh_token"],
      token_endpoint_auth_methods_supported: parts.ledger.rules.strict.clientAuth.map((way) => `client_secret_${way}`),
    };
  });
  app.post("/strict/oauth/revoke", (request, reply) => revokeByForm(parts, "strict", request, reply));
}
