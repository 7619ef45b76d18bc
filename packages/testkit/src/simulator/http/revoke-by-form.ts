import type { FastifyReply, FastifyRequest } from "fastify";
import type { ProviderKind } from "../ledger/provider-rules.ts";
import { openAccessToken } from "../token/access-token.ts";
import { authenticate, readCredentials } from "../token/client-auth.ts";
import { replyHeaders } from "../token/wire.ts";
import type { SimulatorParts } from "./simulator-parts.ts";

/** RFC 7009: a form with `token`, client authentication as at the token endpoint, 200 for an unknown token too. */
export function revokeByForm(
  parts: SimulatorParts,
  kind: ProviderKind,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const form = new Map(new URLSearchParams(typeof request.body === "string" ? request.body : ""));
  const token = form.get("token");
  const revoked = revokeAs(parts, kind, request.headers.authorization, form, token);
  reply.headers(replyHeaders(kind));
  if (revoked === "bad_client") return reply.code(parts.ledger.rules[kind].invalidClientStatus).send(invalidClient);
  if (token === undefined) return reply.code(400).send({ error: "invalid_request" });
  return reply.code(200).send();
}

const invalidClient = { error: "invalid_client" };

/** Ends the grant that the token, refresh or access, belongs to, if it is the client's own. */
export function revokeAs(
  parts: SimulatorParts,
  kind: ProviderKind,
  authorization: string | undefined,
  form: ReadonlyMap<string, string>,
  token: string | undefined,
): "revoked" | "unknown_token" | "bad_client" {
  const { ledger } = parts;
  const credentials = readCredentials(authorization, form);
  const client = credentials && authenticate(ledger, kind, credentials);
  if (!client) return "bad_client";
  if (token === undefined) return "unknown_token";
  const grant = ledger.findToken(token)?.grant ?? openAccessToken(ledger, token)?.grant;
  if (grant?.clientId !== client.id) return "unknown_token";
  ledger.revoke([grant], "app", parts.now());
  return "revoked";
}
