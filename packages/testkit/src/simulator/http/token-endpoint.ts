import type { IncomingMessage, ServerResponse } from "node:http";
import type { ProviderKind } from "../ledger/provider-rules.ts";
import { answerTokenCall, closeTokenCall, openTokenCall } from "../token/token-call.ts";
import { replyHeaders } from "../token/wire.ts";
import { sendReply } from "./send-reply.ts";
import { serveWithFaults } from "./serve-with-faults.ts";
import type { SimulatorParts } from "./simulator-parts.ts";

const maxBodyLength = 1024 * 1024;

/**
 * The token endpoint of all kinds, straight on node:http: with no fault switched on, a request is answered in the
 * same turn in which its last byte arrived. A grant's requests overlap when one arrives before another's reply is sent.
 */
export function serveToken(parts: SimulatorParts, kind: ProviderKind, req: IncomingMessage, res: ServerResponse): void {
  if (req.method !== "POST") {
    res.writeHead(405, { allow: "POST", "content-length": 0 }).end();
    return;
  }
  let body = "";
  let tooLong = false;
  req.setEncoding("utf8");
  req.on("data", (chunk: string) => {
    tooLong ||= body.length + chunk.length > maxBodyLength;
    if (!tooLong) body += chunk;
  });
  req.on("end", () => {
    if (tooLong) res.writeHead(413, { "content-length": 0 }).end();
    else answer(parts, kind, req, res, body);
  });
}

function answer(
  parts: SimulatorParts,
  kind: ProviderKind,
  req: IncomingMessage,
  res: ServerResponse,
  body: string,
): void {
  const { ledger, faults, pending, key, now } = parts;
  const { headers } = req;
  const hardExpiry = headers["x-include-refresh-token-hard-expires-in"];
  const call = openTokenCall(
    ledger,
    {
      kind,
      host: headers.host ?? "",
      authorization: headers.authorization,
      contentType: headers["content-type"],
      hardExpiry: typeof hardExpiry === "string" ? hardExpiry : undefined,
      body,
    },
    now(),
  );
  res.on("close", () => {
    closeTokenCall(call);
    pending.clientGone(call);
  });
  if (!faults.isClear) {
    pending.received(call);
    void serveWithFaults(parts, call, res, replyHeaders(kind));
    return;
  }
  sendReply(parts, call, res, answerTokenCall(ledger, key, call, now()));
}
