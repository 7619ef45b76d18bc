import { describe, expect, test } from "vitest";
import { type ErrorRule, judge, type Outcome, type TokenEndpointAnswer } from "../../src/index.ts";
import { answer, descriptor, presented, withoutBody } from "./answers.ts";

const judged = (given: TokenEndpointAnswer, changes: Partial<typeof descriptor> = {}): Outcome =>
  judge(given, { ...descriptor, ...changes }, presented);

describe("a token set received", () => {
  const TOKENS = { access_token: "new-access", refresh_token: "new-refresh", expires_in: 1800 };

  test("with a new refresh token is a rotation", () => {
    expect(judged(answer(200, TOKENS))).toEqual({
      kind: "rotated",
      tokens: {
        accessToken: "new-access",
        refreshToken: "new-refresh",
        expiresInMs: 1_800_000,
        refreshTokenExpiresInMs: null,
        refreshTokenHardExpiresInMs: null,
      },
      evidence: { status: 200, requestId: null, error: null, errorDescription: null },
    });
  });

  test.each([
    ["the same refresh token", { ...TOKENS, refresh_token: presented.refreshToken }],
    ["none", { access_token: "new-access", expires_in: 1800 }],
    ["an empty one", { ...TOKENS, refresh_token: "" }],
    ["one that is no string", { ...TOKENS, refresh_token: 7 }],
  ])("with %s is a renewal: ours stays", (_name, body) => {
    expect(judged(answer(200, body))).toMatchObject({
      kind: "renewed",
      tokens: { accessToken: "new-access", refreshToken: null },
    });
  });

  test("is kept whatever error stands beside it", () => {
    expect(judged(answer(200, { ...TOKENS, error: "invalid_grant" }))).toMatchObject({ kind: "rotated" });
    expect(judged(answer(200, { refresh_token: "new-refresh", error: "server_error" }))).toMatchObject({
      kind: "rotated",
      tokens: { accessToken: null, refreshToken: "new-refresh" },
    });
  });

  test("is not read from an answer that says no", () => {
    for (const status of [302, 400, 500]) expect(judged(answer(status, TOKENS)).kind).not.toMatch(/rotated|renewed/);
  });

  test("the token that was presented, alone, proves nothing", () => {
    const alone = answer(200, { refresh_token: presented.refreshToken });
    expect(judged(alone)).toMatchObject({ kind: "ambiguous", mayHaveRotated: true });
  });

  test.each<[unknown, number | null]>([
    [1, 1_000],
    ["3600", 3_600_000],
    [" 3600.5 ", 3_600_500],
    [0, null],
    [-3600, null],
    [0.0001, null],
    ["1e9", null],
    ["soon", null],
    [null, null],
    [true, null],
    [{}, null],
    [1_795_000_000, null],
    [631_151_957, 631_151_957_000],
  ])("a lifetime of %j seconds is read as %j ms", (seconds, ms) => {
    const body = { ...TOKENS, expires_in: seconds, refresh_expires_in: seconds, hard_expires_in: seconds };
    expect(judged(answer(200, body))).toMatchObject({
      tokens: { expiresInMs: ms, refreshTokenExpiresInMs: ms, refreshTokenHardExpiresInMs: ms },
    });
  });
});

describe("no answer", () => {
  test("is unavailable when nothing was sent, ambiguous when something was", () => {
    expect(judged({ kind: "none", sent: false, code: "ECONNREFUSED" })).toMatchObject({
      kind: "unavailable",
      reason: "not_sent:ECONNREFUSED",
      mayHaveRotated: false,
    });
    expect(judged({ kind: "none", sent: true, code: "ECONNRESET" })).toMatchObject({
      kind: "ambiguous",
      reason: "no_answer:ECONNRESET",
      mayHaveRotated: true,
    });
  });
});

describe("an error of RFC 6749 section 5.2", () => {
  test.each([
    ["invalid_grant", "rejected"],
    ["invalid_client", "misconfigured"],
    ["unauthorized_client", "misconfigured"],
    ["invalid_request", "misconfigured"],
    ["unsupported_grant_type", "misconfigured"],
    ["invalid_scope", "misconfigured"],
    ["temporarily_unavailable", "unavailable"],
    ["server_error", "unavailable"],
    ["slow_down", "throttled"],
    ["something_of_their_own", "misconfigured"],
  ])("%s is %s, whether it comes with 200, 400 or 401", (error, kind) => {
    for (const status of [200, 400, 401, 403]) {
      expect(judged(answer(status, { error }))).toMatchObject({ kind, reason: error, mayHaveRotated: false });
    }
  });

  test("says nothing in an outage: the gateway speaks, not the provider", () => {
    for (const error of ["invalid_grant", "invalid_request", "invalid_client"]) {
      expect(judged(answer(503, { error }))).toMatchObject({
        kind: "unavailable",
        reason: "http_503",
        mayHaveRotated: true,
      });
      expect(judged(answer(429, { error }))).toMatchObject({ kind: "throttled", mayHaveRotated: false });
    }
  });
});

describe("a status without a readable error", () => {
  test.each([
    [200, "ambiguous", true],
    [204, "ambiguous", true],
    [302, "misconfigured", false],
    [400, "misconfigured", false],
    [401, "misconfigured", false],
    [403, "unavailable", false],
    [404, "misconfigured", false],
    [408, "unavailable", false],
    [425, "unavailable", false],
    [429, "throttled", false],
    [500, "unavailable", true],
    [504, "unavailable", true],
  ])("%i is %s", (status, kind, mayHaveRotated) => {
    for (const body of ["", "<html></html>", "null", "[]", '"x"', "{}", '{"error":7}', '{"error":""}']) {
      expect(judged(answer(status, body)), body).toMatchObject({ kind, mayHaveRotated });
    }
  });

  test("a body that broke off leaves a 200 open and makes of a 400 no one's fault", () => {
    expect(judged(withoutBody(200, "body_broken_off"))).toMatchObject({
      kind: "ambiguous",
      reason: "body_broken_off",
      mayHaveRotated: true,
    });
    expect(judged(withoutBody(400, "body_timeout"))).toMatchObject({
      kind: "unavailable",
      reason: "body_timeout",
      mayHaveRotated: false,
    });
    expect(judged(withoutBody(401, "body_timeout"))).toMatchObject({ kind: "misconfigured", reason: "http_401" });
  });
});

describe("a descriptor's error rules", () => {
  const wrongApp: ErrorRule = { error: "invalid_grant", descriptionIncludes: "Wrong App", outcome: "misconfigured" };

  test("come before those of RFC 6749, the first that matches deciding", () => {
    const errorRules = [wrongApp, { error: "invalid_grant", outcome: "unavailable" } as const];
    const say = (error_description?: string) =>
      judged(answer(400, { error: "invalid_grant", error_description }), { errorRules });
    expect(say("It is the wrong app, friend")).toMatchObject({ kind: "misconfigured", reason: "invalid_grant" });
    expect(say("gone")).toMatchObject({ kind: "unavailable" });
    expect(say()).toMatchObject({ kind: "unavailable" });
  });

  test("need all their conditions", () => {
    const errorRules = [{ ...wrongApp, status: 401 }];
    const body = { error: "invalid_grant", error_description: "wrong app" };
    expect(judged(answer(401, body), { errorRules })).toMatchObject({ kind: "misconfigured" });
    expect(judged(answer(400, body), { errorRules })).toMatchObject({ kind: "rejected" });
  });

  test("may go by the status alone", () => {
    const errorRules = [{ status: 403, outcome: "throttled" } as const];
    expect(judged(answer(403, "<html>"), { errorRules })).toMatchObject({ kind: "throttled", reason: "http_403" });
  });

  test("see what was said in full, though the evidence is shortened", () => {
    const error = "refresh_token_was_revoked_by_the_resource_owner_himself";
    const errorRules = [{ error, outcome: "rejected" } as const];
    expect(judged(answer(400, { error }), { errorRules })).toMatchObject({ kind: "rejected" });
    const error_description = `${"so it goes ".repeat(50)}wrong app`;
    const late = judged(answer(400, { error: "invalid_grant", error_description }), { errorRules: [wrongApp] });
    expect(late).toMatchObject({ kind: "misconfigured" });
    expect(late.evidence.errorDescription).toHaveLength(200);
  });

  test("never outweigh a token set received", () => {
    const errorRules = [{ status: 200, outcome: "rejected" } as const];
    expect(judged(answer(200, { refresh_token: "new-refresh" }), { errorRules })).toMatchObject({ kind: "rotated" });
  });
});

describe("Retry-After", () => {
  const date = "Sat, 21 Nov 2026 10:00:00 GMT";
  test.each<[Record<string, string>, number | null]>([
    [{ "retry-after": "120" }, 120_000],
    [{ "retry-after": " 0 " }, 0],
    [{ "retry-after": "Sat, 21 Nov 2026 10:01:00 GMT", date }, 60_000],
    [{ "retry-after": "Sat, 21 Nov 2026 09:01:00 GMT", date }, 0],
    [{ "retry-after": "Sat, 21 Nov 2026 10:01:00 GMT" }, null],
    [{ "retry-after": "" }, null],
    [{ "retry-after": "later", date }, null],
    [{}, null],
  ])("%j is %j ms, on 429 and 503 alike", (headers, retryAfterMs) => {
    for (const status of [429, 503]) expect(judged(answer(status, "", headers))).toMatchObject({ retryAfterMs });
  });
});

describe("evidence", () => {
  test("names the provider's request, its error and what it said", () => {
    const body = { error: "invalid_grant", error_description: "Token invalid" };
    const headers = { "x-request-id": "1-6740a1b2-0123456789abcdef01234567" };
    expect(judged(answer(400, body, headers)).evidence).toEqual({
      status: 400,
      requestId: headers["x-request-id"],
      error: "invalid_grant",
      errorDescription: "Token invalid",
    });
  });

  test.each([
    ["as they are", presented.refreshToken, presented.clientSecret],
    ["as a quoted form body", `refresh_token=${encodeURIComponent("p/r+s=t")}`, "p/r+s=t"],
    ["with line breaks for spaces", "pass\nphrase of mine", "pass phrase of mine"],
  ])("holds nothing that was sent: %s", (_name, echoed, clientSecret) => {
    const { evidence } = judge(
      answer(400, { error: "oops", error_description: `bad: ${echoed} ${clientSecret}!` }),
      descriptor,
      {
        ...presented,
        clientSecret,
      },
    );
    expect(evidence.errorDescription).toMatch(/^bad: (refresh_token=)?\[removed\] \[removed\]!$/);
  });

  const OPAQUE = "q7Rt-5zLp.W2x_Vn8K/m3Jd+yHb6 9cF=";
  const joined = (text: string) => Buffer.from(`client-1:${text}`).toString("base64");
  test.each<[string, string]>([
    ["in upper case", OPAQUE.toUpperCase()],
    ["in lower case", OPAQUE.toLowerCase()],
    ["percent-encoded", encodeURIComponent(OPAQUE)],
    ["form-encoded", new URLSearchParams({ "": OPAQUE }).toString().slice(1)],
    ["escaped as in JSON", OPAQUE.replaceAll("/", "\\/").replaceAll("7", "\\u0037")],
    ["in hex", Buffer.from(OPAQUE).toString("hex")],
    ["in hex behind an odd letter", `f${Buffer.from(OPAQUE).toString("hex")}`],
    ["in base64", Buffer.from(OPAQUE).toString("base64")],
    ["in base64url", Buffer.from(OPAQUE).toString("base64url")],
    ["in the credentials of a header", joined(OPAQUE)],
    ["in credentials, percent-encoded first", joined(encodeURIComponent(OPAQUE))],
    ["with dots between its parts", OPAQUE.replaceAll(/(.{4})/g, "$1 … ")],
    ["without its last letters", OPAQUE.slice(0, -4)],
    ["without its first letters", OPAQUE.slice(4)],
  ])("holds nothing that was sent: %s", (_name, echoed) => {
    for (const said of [`no ${echoed} here`, echoed, `no "${echoed}"`]) {
      const { evidence } = judge(answer(400, { error: "oops", error_description: said }), descriptor, {
        ...presented,
        refreshToken: OPAQUE,
      });
      const left = (evidence.errorDescription ?? "").replaceAll("[removed]", "").replaceAll(/[^a-z0-9]/gi, "");
      expect(left.length, `${said} -> ${evidence.errorDescription}`).toBeLessThan(14);
    }
  });

  test("keeps what a provider's support asks for, however random it looks", () => {
    const ids = ["1-6740a1b2-0123456789abcdef01234567", "5f2e9c1a-7b3d-4e8f-a6c0-d1b2e3f4a5b6", "bWFwLXJlcXVlc3QtNDIx"];
    for (const id of ids) {
      const { evidence } = judged(answer(400, { error: "invalid_grant" }, { "x-request-id": id }));
      expect(evidence.requestId).toBe(id);
    }
  });

  test("takes a header by any name that a descriptor may give it", () => {
    for (const requestIdHeader of ["constructor", "__proto__", "valueof", "tostring"]) {
      const headers = Object.fromEntries([[requestIdHeader, "r-1"]]);
      const given = { ...descriptor, requestIdHeader };
      expect(judge(answer(400, "", headers), given, presented).evidence.requestId).toBe("r-1");
      expect(judge(answer(400, "", {}), given, presented).evidence.requestId).toBeNull();
    }
  });

  test("holds no token that came back, nor anything that looks like one", () => {
    const body = {
      access_token: "short-access",
      error: "odd",
      error_description: `short-access ${"eyJhbGci".repeat(8)}`,
    };
    expect(judged(answer(200, body)).evidence.errorDescription).toBe("[removed] [removed]");
  });

  test("a secret that is a word of the standard does not garble the standard's codes", () => {
    const secret = { ...presented, clientSecret: "client" };
    expect(judge(answer(401, { error: "invalid_client" }), descriptor, secret)).toMatchObject({
      reason: "invalid_client",
    });
  });
});
