import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Fault } from "../faults/fault-board.ts";
import { type FaultEffect, isReplacing } from "../faults/fault-spec.ts";
import { editReply, sendFaultyReply, strikesBeforeUse } from "../faults/faulty-reply.ts";
import type { Random } from "../ledger/random.ts";
import { answerTokenCall, countTokenCall, noteDelivery, type TokenCall } from "../token/token-call.ts";
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
  try {
    await serveStruck(parts, call, res, headers, striking);
  } finally {
    for (const fault of striking) fault.ended += 1;
  }
}

async function serveStruck(
  parts: SimulatorParts,
  call: TokenCall,
  res: ServerResponse,
  headers: Record<string, string>,
  striking: readonly Fault[],
): Promise<void> {
  const effects = striking.map((fault) => fault.spec.effect);
  const replacing = effects.find(isReplacing);
  try {
    await waitLatency(effects, parts.random, parts.closing, once(res, "close"));
  } catch {
    // Closing: the connection is about to be cut.
    return;
  }
  await passHolds(striking, call, "received");
  if (parts.closing.aborted) return;
  parts.pending.carriedOut(call);
  if (replacing && strikesBeforeUse(replacing)) {
    countTokenCall(parts.ledger, call, "fault");
    return sendFaultyReply(res, replacing, headers, null, parts.closing);
  }
  const reply = editReply(answerTokenCall(parts.ledger, parts.key, call, parts.now()), effects);
  if (reply.outcome === "rotated") noteRotated(striking, call);
  await passHolds(striking, call, "rotated");
  if (!replacing) return sendReply(parts, call, res, reply);
  if (reply.outcome === "rotated" && replacing.type !== "drip") noteWithheld(striking, replacing, call);
  if (replacing.type === "drip") res.once("finish", () => noteDelivery(call, reply, parts.now()));
  countTokenCall(parts.ledger, call, "fault");
  noteBegun(striking, replacing, call);
  return sendFaultyReply(res, replacing, headers, reply, parts.closing);
}

/** Latencies strike every request, and whom does not matter. */
function noteRotated(striking: readonly Fault[], { grant }: TokenCall): void {
  const telling = striking.filter(({ spec }) => spec.effect.type !== "latency");
  if (grant) for (const { rotated } of telling) rotated.push(grant.id);
}

function noteBegun(striking: readonly Fault[], effect: FaultEffect, call: TokenCall): void {
  const fault = striking.find(({ spec }) => spec.effect === effect);
  if (call.grant) fault?.begun.push(call.grant.id);
}

function noteWithheld(striking: readonly Fault[], effect: FaultEffect, call: TokenCall): void {
  const fault = striking.find(({ spec }) => spec.effect === effect);
  if (call.grant) fault?.withheld.push(call.grant.id);
}

/** Waits the sum of all latencies, or until the client is gone, if `gone` tells. Rejects when `closing` aborts. */
export async function waitLatency(
  effects: readonly FaultEffect[],
  random: Random,
  closing: AbortSignal,
  gone?: Promise<unknown>,
): Promise<void> {
  let totalMs = 0;
  for (const effect of effects) {
    if (effect.type !== "latency") continue;
    const [fromMs, toMs] = typeof effect.ms === "number" ? [effect.ms, effect.ms] : effect.ms;
    totalMs += fromMs + random() * (toMs - fromMs);
  }
  if (totalMs === 0) return;
  const waited = delay(totalMs, undefined, { signal: closing });
  await (gone === undefined ? waited : Promise.race([waited, gone]));
}

async function passHolds(striking: readonly Fault[], call: TokenCall, at: "received" | "rotated"): Promise<void> {
  for (const { spec, hold } of striking) {
    if (spec.effect.type === "hold" && spec.effect.at === at) await hold.enter(call.grant?.id ?? null);
  }
}
