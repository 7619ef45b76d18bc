import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import type { Outcome } from "@evergrant/core";
import { describe, expect, test } from "vitest";
import { refreshAt } from "./support/refresh-at.ts";
import { type Respond, reply } from "./support/token-endpoint.ts";

const TOKENS = { access_token: "access-2", refresh_token: "refresh-2", expires_in: 1800, token_type: "Bearer" };
const PAGE = "<html><body>Sorry</body></html>";
const ANSWER_TIMEOUT_MS = 1_000;

const failing = (kind: Outcome["kind"], reason: string, mayHaveRotated: boolean) => ({ kind, reason, mayHaveRotated });

describe("whatever a token endpoint answers ends in one clear outcome", () => {
  test.each<[string, Respond, ReturnType<typeof failing>]>([
    ["a page of HTML with 200", reply(200, PAGE), failing("ambiguous", "unreadable_answer", true)],
    ["an empty 200", reply(200, ""), failing("ambiguous", "unreadable_answer", true)],
    ["an empty object", reply(200, {}), failing("ambiguous", "unreadable_answer", true)],
    ["junk", reply(200, "\u0000\ufffd{]"), failing("ambiguous", "unreadable_answer", true)],
    ["a list", reply(200, [TOKENS]), failing("ambiguous", "unreadable_answer", true)],
    ["tokens that are numbers", reply(200, { access_token: 1 }), failing("ambiguous", "unreadable_answer", true)],
    ["an empty 204", reply(204, ""), failing("ambiguous", "unreadable_answer", true)],
    ["invalid_grant in a 200", reply(200, { error: "invalid_grant" }), failing("rejected", "invalid_grant", false)],
    ["another error in a 200", reply(200, { error: "nope" }), failing("misconfigured", "nope", false)],
    ["a page of HTML with 400", reply(400, PAGE), failing("misconfigured", "http_400", false)],
    ["a firewall's 403", reply(403, PAGE), failing("unavailable", "http_403", false)],
    ["a 404", reply(404, PAGE), failing("misconfigured", "http_404", false)],
    ["a 408", reply(408, ""), failing("unavailable", "http_408", false)],
    ["a 502 of a gateway", reply(502, PAGE), failing("unavailable", "http_502", true)],
    ["a 500 that says invalid_grant", reply(500, { error: "invalid_grant" }), failing("unavailable", "http_500", true)],
    [
      "a 503 that says invalid_request",
      reply(503, { error: "invalid_request" }),
      failing("unavailable", "http_503", true),
    ],
  ])("%s", async (_name, respond, expected) => {
    expect(await refreshAt(respond)).toMatchObject(expected);
  });

  test("a new refresh token is kept even when the access token is missing", async () => {
    expect(await refreshAt(reply(200, { refresh_token: "refresh-2" }))).toMatchObject({
      kind: "rotated",
      tokens: { accessToken: null, refreshToken: "refresh-2", expiresInMs: null },
    });
  });

  test("a redirect is not followed: the refresh token goes nowhere else", async () => {
    let elsewhere = 0;
    const outcome = await refreshAt((response, request) => {
      if (request.path === "/elsewhere") elsewhere += 1;
      response.writeHead(307, { location: "/elsewhere" }).end();
    });
    expect(outcome).toMatchObject(failing("misconfigured", "redirected", false));
    expect(elsewhere).toBe(0);
  });
});

describe("a body is read within bounds", () => {
  test("10 MB end at 64 KiB, and the outcome follows the status", async () => {
    const tenMegabytes = "x".repeat(10 * 1024 * 1024);
    expect(await refreshAt(reply(200, tenMegabytes))).toMatchObject(failing("ambiguous", "body_too_large", true));
    expect(await refreshAt(reply(502, tenMegabytes))).toMatchObject(failing("unavailable", "http_502", true));
    expect(await refreshAt(reply(404, tenMegabytes))).toMatchObject(failing("misconfigured", "http_404", false));
  });

  test("a body just within the bound is read", async () => {
    const padding = "x".repeat(64 * 1024 - JSON.stringify({ ...TOKENS, padding: "" }).length);
    expect(await refreshAt(reply(200, { ...TOKENS, padding }))).toMatchObject({ kind: "rotated" });
    const oneMore = await refreshAt(reply(200, { ...TOKENS, padding: `${padding}x` }));
    expect(oneMore).toMatchObject(failing("ambiguous", "body_too_large", true));
  });

  test("a body that drips ends when the answer's time is over", async () => {
    const drip: Respond = (response) => {
      response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
      const timer = setInterval(() => response.write(" "), 20);
      response.on("close", () => clearInterval(timer));
    };
    const outcome = await refreshAt(drip, { answerTimeoutMs: ANSWER_TIMEOUT_MS });
    expect(outcome).toMatchObject(failing("ambiguous", "body_timeout", true));
  });

  test("notes on the way (1xx) do not prolong an answer", async () => {
    const notes: Respond = (response) => {
      const timer = setInterval(() => response.writeProcessing(), 20);
      response.on("close", () => clearInterval(timer));
    };
    const outcome = await refreshAt(notes, { answerTimeoutMs: ANSWER_TIMEOUT_MS });
    expect(outcome).toMatchObject(failing("ambiguous", "no_answer:ANSWER_TIMEOUT", true));
  });

  test("half a body is no answer", async () => {
    const half =
      (status: number): Respond =>
      (response) => {
        response.writeHead(status, { "content-length": "100" });
        response.write('{"access_token":"access-2",', () => response.destroy());
      };
    expect(await refreshAt(half(200))).toMatchObject(failing("ambiguous", "body_broken_off", true));
    expect(await refreshAt(half(400))).toMatchObject(failing("unavailable", "body_broken_off", false));
  });

  test("a gateway that compresses against our wish costs no token", async () => {
    const json = JSON.stringify(TOKENS);
    const packed =
      (body: Buffer, encoding: string): Respond =>
      (response, request) => {
        expect(request.headers["accept-encoding"]).toBe("identity");
        response.writeHead(200, { "content-encoding": encoding }).end(body);
      };
    expect(await refreshAt(packed(gzipSync(json), "gzip"))).toMatchObject({ kind: "rotated" });
    expect(await refreshAt(packed(brotliCompressSync(json), "br"))).toMatchObject({ kind: "rotated" });
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024));
    expect(await refreshAt(packed(bomb, "gzip"))).toMatchObject(failing("ambiguous", "body_too_large", true));
    const broken = Buffer.from("not gzip at all");
    expect(await refreshAt(packed(broken, "gzip"))).toMatchObject(failing("ambiguous", "body_undecodable", true));
  });

  const json = JSON.stringify(TOKENS);
  test.each<[string, Buffer, string | string[] | undefined]>([
    ["says gzip and sends plain text", Buffer.from(json), "gzip"],
    ["says br and sends plain text", Buffer.from(json), "br"],
    ["says deflate and sends plain text", Buffer.from(json), "deflate"],
    ["compresses without a word", gzipSync(json), undefined],
    ["says identity and compresses", gzipSync(json), "identity"],
    ["says it twice", gzipSync(json), "gzip, gzip"],
    ["says it in two headers", gzipSync(json), ["gzip", "gzip"]],
    ["does it twice", brotliCompressSync(gzipSync(json)), "gzip, br"],
    ["deflates as the standard has it", deflateSync(json), "deflate"],
    ["deflates as many do", deflateRawSync(json), "deflate"],
    ["leaves out the checksum at the end", gzipSync(json).subarray(0, -8), "gzip"],
    ["names an encoding that nobody knows", Buffer.from(json), "x-own"],
  ])("a gateway that %s costs no token", async (_name, body, encoding) => {
    const respond: Respond = (response) => {
      if (encoding !== undefined) response.setHeader("content-encoding", encoding);
      response.end(body);
    };
    expect(await refreshAt(respond)).toMatchObject({ kind: "rotated", tokens: { refreshToken: "refresh-2" } });
  });

  test("a bomb in a bomb fills no memory", async () => {
    const bomb = gzipSync(gzipSync(Buffer.alloc(200 * 1024 * 1024)));
    const respond: Respond = (response) => response.writeHead(200, { "content-encoding": "gzip, gzip" }).end(bomb);
    expect(await refreshAt(respond)).toMatchObject(failing("ambiguous", "body_too_large", true));
  });

  test("a byte order mark does not hide the tokens", async () => {
    expect(await refreshAt(reply(200, `\ufeff${JSON.stringify(TOKENS)}`))).toMatchObject({ kind: "rotated" });
  });
});

describe("expires_in", () => {
  test.each<[string, unknown, number | null]>([
    ["a number", 1800, 1_800_000],
    ["digits in a string", "1800", 1_800_000],
    ["0", 0, null],
    ["negative", -1, null],
    ["missing", undefined, null],
    ["words", "half an hour", null],
    ["null", null, null],
    ["an epoch timestamp in place of a duration", 1_795_000_000, null],
    ["beyond all numbers", Number("1e400"), null],
  ])("%s", async (_name, value, expected) => {
    const outcome = await refreshAt(reply(200, { ...TOKENS, expires_in: value }));
    expect(outcome).toMatchObject({ kind: "rotated", tokens: { refreshToken: "refresh-2", expiresInMs: expected } });
  });
});

describe("429", () => {
  const date = "Sat, 21 Nov 2026 10:00:00 GMT";
  test.each<[string, Record<string, string>, number | null]>([
    ["with seconds", { "retry-after": "17" }, 17_000],
    [
      "with a date, counted from the answer's own clock",
      { date, "retry-after": "Sat, 21 Nov 2026 10:02:00 GMT" },
      120_000,
    ],
    ["with a date that has passed", { date, "retry-after": "Sat, 21 Nov 2026 09:00:00 GMT" }, 0],
    ["with words", { "retry-after": "soon" }, null],
    ["alone", {}, null],
  ])("%s", async (_name, headers, retryAfterMs) => {
    const outcome = await refreshAt(reply(429, { error: "invalid_grant" }, headers));
    expect(outcome).toMatchObject({ kind: "throttled", reason: "http_429", retryAfterMs, mayHaveRotated: false });
  });
});
