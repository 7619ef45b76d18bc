import type { FastifyInstance } from "fastify";
import {
  type Audit,
  auditLedger,
  checkToken,
  type GrantHistory,
  type TokenCheck,
  tellHistory,
} from "../ledger/audit-ledger.ts";
import { checkSchema } from "./control-schemas.ts";
import type { SimulatorParts } from "./simulator-parts.ts";

export interface CheckAnswer {
  grants: Record<string, TokenCheck>;
  tokens: TokenCheck[];
}

/**
 * `GET /audit` sums up (`?client=` one client, `?grants=1` with every grant); `/audit/grants/:id` tells one's history;
 * `POST /audit/check` judges tokens.
 */
export function addAuditRoutes(app: FastifyInstance, parts: SimulatorParts): void {
  const { ledger, now } = parts;
  app.get<{ Querystring: { client?: string; grants?: string } }>("/audit", (request): Audit => {
    const { client, grants } = request.query;
    return auditLedger(ledger, now(), { clientId: client, details: grants === "1" });
  });
  app.get<{ Params: { id: string } }>("/audit/grants/:id", (request, reply): GrantHistory | undefined => {
    const history = tellHistory(ledger, request.params.id, now());
    if (history) return history;
    reply.code(404).send({ error: `no grant is called ${request.params.id}` });
  });
  app.post("/audit/check", (request): CheckAnswer => {
    const { grants, tokens } = checkSchema.parse(request.body);
    const byGrant = Object.entries(grants).map(([id, value]) => [id, checkToken(ledger, value, now(), id)] as const);
    return { grants: Object.fromEntries(byGrant), tokens: tokens.map((value) => checkToken(ledger, value, now())) };
  });
}
