import type { ServerResponse } from "node:http";
import { countTokenCall, noteDelivery, type TokenCall } from "../token/token-call.ts";
import type { TokenReply } from "../token/wire.ts";
import type { SimulatorParts } from "./simulator-parts.ts";

/** Counts the answer, then sends it. */
export function sendReply(parts: SimulatorParts, call: TokenCall, res: ServerResponse, reply: TokenReply): void {
  countTokenCall(parts.ledger, call, reply.outcome);
  res.once("finish", () => noteDelivery(call, reply, parts.now()));
  res.writeHead(reply.status, { ...reply.headers, "content-length": Buffer.byteLength(reply.body) });
  res.end(reply.body);
}
