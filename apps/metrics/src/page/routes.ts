import { readFileSync } from "node:fs";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { Status } from "../status/status.ts";
import { fragment } from "./fragment.ts";
import { toText } from "./html.ts";
import { page } from "./page.ts";

/** Nothing from elsewhere, nothing inline, in nobody's frame. */
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

const ASSETS = [
  { name: "status.css", type: "text/css; charset=utf-8" },
  { name: "status.js", type: "text/javascript; charset=utf-8" },
  { name: "icon.svg", type: "image/svg+xml" },
] as const;

/**
 * Adds the status page: `/`, `/fragment` (its changing part), `/status.json` (the same for machines;
 * 503 while the database is away, with the same shape) and what the page is made with.
 *
 * @param readStatus never rejects
 * @param refusal why this request may not see the page, or null when it may
 */
export function addStatusRoutes(
  server: FastifyInstance,
  readStatus: () => Promise<Status>,
  refusal: (host: string | undefined) => string | null,
): void {
  server.register(async (scope) => {
    scope.addHook("onRequest", async (request, reply) => {
      reply.headers(HEADERS);
      const reason = refusal(request.headers.host);
      if (reason !== null) await reply.code(403).type("text/plain; charset=utf-8").send(`${reason}\n`);
    });
    scope.get("/", async (_request, reply) => sendHtml(reply, page(await readStatus())));
    scope.get("/fragment", async (_request, reply) => sendHtml(reply, toText(fragment(await readStatus()))));
    scope.get("/status.json", async (_request, reply) => {
      const status = await readStatus();
      return reply.code(status.database === "up" ? 200 : 503).send(status);
    });
    for (const { name, type } of ASSETS) {
      // The same depth from src/ and from dist/.
      const asset = readFileSync(new URL(`../../assets/${name}`, import.meta.url));
      scope.get(`/assets/${name}`, (_request, reply) => reply.type(type).send(asset));
    }
  });
}

function sendHtml(reply: FastifyReply, text: string): FastifyReply {
  return reply.type("text/html; charset=utf-8").send(text);
}
