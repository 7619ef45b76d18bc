import type { FastifyReply } from "fastify";
import type { ProviderKind } from "../ledger/provider-rules.ts";
import { waitLatency } from "./serve-with-faults.ts";
import type { SimulatorParts } from "./simulator-parts.ts";

/** Applies the faults switched on for discovery; true if one of them has answered (REPORTED at Xero: 403 in bursts). */
export async function replyDiscoveryFault(
  parts: SimulatorParts,
  kind: ProviderKind,
  reply: FastifyReply,
): Promise<boolean> {
  const striking = parts.faults.strike({ endpoint: "discovery", kind, clientId: null, grantId: null });
  const effects = striking.map((fault) => fault.spec.effect);
  await waitLatency(effects, parts.random, parts.closing);
  for (const effect of effects) {
    if (effect.type !== "status") continue;
    reply.code(effect.status).send(effect.body);
    return true;
  }
  return false;
}
