import type { FastifyInstance, FastifyReply } from "fastify";
import type { Fault } from "../faults/fault-board.ts";
import { type FaultSpec, faultSpecSchema } from "../faults/fault-spec.ts";
import type { RevokedGrant } from "../ledger/audit-ledger.ts";
import type { Grant } from "../ledger/grant.ts";
import type { Counters } from "../ledger/ledger.ts";
import { isProviderKind } from "../ledger/ledger.ts";
import { type ProviderKind, patchRules, rulesPatchSchema } from "../ledger/provider-rules.ts";
import {
  mintSchema,
  registerSchema,
  releaseSchema,
  revokeSchema,
  trickleSchema,
  waitSchema,
} from "./control-schemas.ts";
import { mintGrants } from "./mint-grants.ts";
import type { SimulatorParts } from "./simulator-parts.ts";
import type { TrickleOfRevocations } from "./trickle.ts";

/** A fault as the control endpoint shows it. */
export interface FaultView {
  id: string;
  spec: FaultSpec;
  applied: number;
  /** How many of the requests that it struck have had all that comes of them: the others may still add to what is told here. */
  ended: number;
  held: number;
  /** The grants whose requests are held now, in the order of their arrival. */
  heldGrants: string[];
  /** The grants that it struck last, 100 at most. */
  struck: string[];
  /** The grants whose refresh token was spent by a request that it struck. */
  rotated: string[];
  /** The grants for which what takes the place of the true reply, once the token has been looked at, has begun to be sent. */
  begun: string[];
  /** The grants that were given a new refresh token in an answer that it kept from arriving whole. */
  withheld: string[];
}

export interface Stats {
  /** Unix milliseconds. */
  now: number;
  seed: number;
  inFlight: number;
  /** Requests whose client is gone and whose token has not been looked at yet: each may still spend it. */
  abandoned: number;
  kinds: Record<ProviderKind, Counters>;
  clients: Record<string, Counters>;
  faults: FaultView[];
}

/** The control side: who is registered, what is minted, revoked and broken. Every body and answer is JSON. */
export function addControlRoutes(app: FastifyInstance, parts: SimulatorParts, trickle: TrickleOfRevocations): void {
  const { ledger, now } = parts;
  app.post("/control/clients", (request) => {
    const { id, kind, secrets, environment } = ledger.register(registerSchema.parse(request.body));
    return { id, kind, environment, secrets: secrets.length };
  });
  app.post("/control/mint", (request) => ({ grants: mintGrants(parts, mintSchema.parse(request.body)) }));
  app.post("/control/revoke", (request) => {
    const asked = revokeSchema.parse(request.body);
    const grants =
      "grantIds" in asked
        ? asked.grantIds.map((id) => knownGrant(parts, id))
        : ledger.pickAlive(asked.clientId, asked.count, now(), parts.random);
    return { revoked: ledger.revoke(grants, "customer", now()).map(viewRevoked) };
  });
  app.post("/control/trickle", (request) => {
    const { clientId, perMinute } = trickleSchema.parse(request.body);
    trickle.set(clientId, perMinute);
    return { clientId, perMinute };
  });
  app.get("/control/rules", () => ledger.rules);
  app.patch<{ Params: { kind: string } }>("/control/rules/:kind", (request, reply) => {
    const { kind } = request.params;
    if (!isProviderKind(kind)) return notFound(reply, `no provider kind ${kind}`);
    ledger.rules[kind] = patchRules(ledger.rules[kind], rulesPatchSchema.parse(request.body));
    return ledger.rules[kind];
  });
  app.get("/control/stats", () => stats(parts));
  addFaultRoutes(app, parts);
}

function addFaultRoutes(app: FastifyInstance, { faults }: SimulatorParts): void {
  type ById = { Params: { id: string } };
  app.get("/control/faults", () => ({ faults: faults.list().map(viewFault) }));
  app.post("/control/faults", (request) => viewFault(faults.set(faultSpecSchema.parse(request.body))));
  app.delete("/control/faults", () => ({ cleared: faults.clear() }));
  app.delete<ById>("/control/faults/:id", (request) => ({ cleared: faults.clear(request.params.id) }));
  app.post<ById>("/control/faults/:id/wait", async (request, reply) => {
    const { count, timeoutMs } = waitSchema.parse(request.body);
    const fault = faults.get(request.params.id);
    if (!fault) return notFound(reply, `no fault ${request.params.id}`);
    return { held: await fault.hold.awaitHeld(count, timeoutMs) };
  });
  app.post<ById>("/control/faults/:id/stop", (request, reply) => {
    const fault = faults.get(request.params.id);
    if (!fault) return notFound(reply, `no fault ${request.params.id}`);
    fault.isStopped = true;
    return viewFault(fault);
  });
  app.post<ById>("/control/faults/:id/release", (request, reply) => {
    const { count } = releaseSchema.parse(request.body);
    const fault = faults.get(request.params.id);
    if (!fault) return notFound(reply, `no fault ${request.params.id}`);
    return { released: fault.hold.release(count) };
  });
}

function stats({ ledger, faults, pending, now, seed }: SimulatorParts): Stats {
  return {
    now: now(),
    seed,
    inFlight: ledger.grants.reduce((sum, grant) => sum + grant.inFlight, 0),
    abandoned: pending.abandoned,
    kinds: ledger.counters,
    clients: Object.fromEntries([...ledger.clients].map(([id, client]) => [id, client.counters])),
    faults: faults.list().map(viewFault),
  };
}

function viewFault(fault: Fault): FaultView {
  const { id, spec, applied, ended, struck, rotated, begun, withheld, hold } = fault;
  return { id, spec, applied, ended, held: hold.count, heldGrants: hold.grantIds, struck, rotated, begun, withheld };
}

function viewRevoked({ id, customer, clientId, revokedAt }: Grant): RevokedGrant {
  return { id, customer, clientId, revokedAt: revokedAt ?? 0 };
}

function knownGrant({ ledger }: SimulatorParts, id: string): Grant {
  const grant = ledger.grantsById.get(id);
  if (!grant) throw new Error(`no grant ${id}`);
  return grant;
}

function notFound(reply: FastifyReply, error: string): FastifyReply {
  return reply.code(404).send({ error });
}
