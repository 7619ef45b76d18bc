import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Fault } from "../faults/fault-board.ts";
import { type FaultEffect, isReplacing } from "../faults/fault-spec.ts";
import { editReply, sendFaultyReply, strikesBeforeUse } from "../faults/faulty-reply.ts";
import type { Random } from "../ledger/random.ts";
import { answerTokenCall, countTokenCall, type TokenCall } from "../token/token-call.ts";
import { sendReply } from "./send-reply.ts";
import type { SimulatorParts } from "./simulator-parts.ts";

/**
 * Serves one token request with the faults that strike it, in this order: latency, holds at `received`, a fault that
 * replaces the reply before the token is used, the answer itself, holds at `rotated`, then the reply or what replaces it.
 * A request that was received is carried out even if its client has hung up, as at a real provider.
 */
export async function serveWithFaults(
  parts: SimulatorParts,
  call: TokenCall,
  res: ServerResponse,
  headers: Record<string, string>,
): Promise<void> {
  const striking = parts.faults.strike({
    endpoint: "token",
    kind: call.request.kind,
    clientId: call.client?.id ?? null,
    grantId: call.grant?.id ?? null,
  });
  const effects = striking.map((fault) => fault.spec.effect);
  const replacing = effects.find(isReplacing);
  try {
    await waitLatency(effects, parts.random, parts.closing);
  } catch {
    // Closing: the connection is about to be cut.
    return;
  }
  await passHolds(striking, "received");
  if (parts.closing.aborted) return;
  if (replacing && strikesBeforeUse(replacing)) {
    countTokenCall(parts.ledger, call, "fault");
    return sendFaultyReply(res, replacing, headers, null, parts.closing);
  }
  const reply = editReply(answerTokenCall(parts.ledger, parts.key, call, parts.now()), effects);
  await passHolds(striking, "rotated");
  if (!replacing) return sendReply(parts, call, res, reply);
  countTokenCall(parts.ledger, call, "fault");
  return sendFaultyReply(res, replacing, headers, reply, parts.closing);
}

/** Waits the sum of all latencies. Rejects when `closing` aborts. */
export async function waitLatency(
  effects: readonly FaultEffect[],
  random: Random,
  closing: AbortSignal,
): Promise<void> {
  let totalMs = 0;
  for (const effect of effects) {
    if (effect.type !== "latency") continue;
    const [fromMs, toMs] = typeof effect.ms === "number" ? [effect.ms, effect.ms] : effect.ms;
    totalMs += fromMs + random() * (toMs - fromMs);
  }
  if (totalMs > 0) await delay(totalMs, undefined, { signal: closing });
}

async function passHolds(striking: readonly Fault[], at: "received" | "rotated"): Promise<void> {
  for (const { spec, hold } of striking) {
    if (spec.effect.type === "hold" && spec.effect.at === at) await hold.enter();
  }
}
