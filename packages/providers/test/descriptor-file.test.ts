import { describe, expect, test } from "vitest";
import { DescriptorError, parseDescriptorFile, quickbooks, resolveDescriptor, xero } from "../src/index.ts";

const MINUTE = 60_000;
const minimal = { provider: "acme-books", tokenUrl: "https://id.acme.example/token" };
const parse = (file: object) => parseDescriptorFile(JSON.stringify(file), "acme.json");

function faultOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(DescriptorError);
    const { message } = error as DescriptorError;
    expect(message).not.toContain("\n");
    return message;
  }
  throw new Error("nothing was refused");
}

describe("a descriptor file", () => {
  test("needs a name and a token URL; all else has a default", () => {
    const { provider, descriptor, stored } = parse(minimal);
    expect(provider).toBe("acme-books");
    expect(stored).toEqual(minimal);
    expect(descriptor).toMatchObject({
      ...minimal,
      clientAuthentication: "basic",
      graceMs: 0,
      strikeGapMs: MINUTE,
      answerTimeoutMs: 2 * MINUTE,
      fields: { accessToken: "access_token", refreshTokenExpiresIn: null },
      schedule: { mode: "fresh", leadMs: 5 * MINUTE },
    });
  });

  test("takes durations as people write them, and as milliseconds", () => {
    const { descriptor } = parse({
      ...minimal,
      lifetimes: { accessTokenMs: "30m", inactivityMs: "60d" },
      graceMs: 90_000,
      schedule: { leadMs: "1.5 minutes", keepaliveMs: "12 hours", jitterMs: 0 },
      retry: { firstMs: "5s" },
    });
    expect(descriptor.lifetimes).toEqual({ accessTokenMs: 30 * MINUTE, inactivityMs: 60 * 24 * 60 * MINUTE });
    expect(descriptor.graceMs).toBe(90_000);
    expect(descriptor.schedule).toMatchObject({ leadMs: 90_000, keepaliveMs: 720 * MINUTE, jitterMs: 0 });
    expect(descriptor.retry).toEqual({ firstMs: 5_000, maxMs: 5 * MINUTE });
  });

  test.each<[object, string]>([
    [{ schedule: { leedMs: "5m" } }, "schedule.leedMs: unknown field, did you mean leadMs?"],
    [{ shedule: {} }, "shedule: unknown field, did you mean schedule?"],
    [
      { schedule: { leadMs: "5" } },
      'schedule.leadMs: must be a duration such as "30m" or "60d", or a number of milliseconds',
    ],
    [
      { schedule: { leadMs: "soon" } },
      'schedule.leadMs: must be a duration such as "30m" or "60d", or a number of milliseconds',
    ],
    [{ schedule: { leadMs: "-5m" } }, "schedule.leadMs: must not be negative"],
    [{ schedule: { mode: "sometimes" } }, "schedule.mode: must be one of fresh, keepalive, off"],
    [{ answerTimeoutMs: "100ms" }, "answerTimeoutMs: must be 1s or more"],
    [{ answerTimeoutMs: "1h" }, "answerTimeoutMs: must be 10m or less"],
    [{ retry: { firstMs: "10m" } }, "retry.firstMs: must not be greater than retry.maxMs"],
    [
      { lifetimes: { accessTokenMs: null } },
      'lifetimes.accessTokenMs: must be a duration such as "30m" or "60d", or a number of milliseconds',
    ],
    [{ fields: { accessToken: 5 } }, "fields.accessToken: must be a string"],
    [{ fields: [] }, "fields: must be an object"],
    [{ clientAuthentication: "jwt" }, "clientAuthentication: must be one of basic, post, none"],
    [
      { errorRules: [{ outcome: "rejected" }] },
      "errorRules.0: needs a condition: status, error or descriptionIncludes",
    ],
    [{ errorRules: [{ eror: "x", outcome: "rejected" }] }, "errorRules.0.eror: unknown field, did you mean error?"],
    [
      { errorRules: [{ error: "x", outcome: "rotated" }] },
      "errorRules.0.outcome: must be one of rejected, misconfigured, throttled, unavailable, ambiguous",
    ],
    [{ errorRules: [{ status: 42, outcome: "rejected" }] }, "errorRules.0.status: must be an HTTP status"],
    [
      { requestHeaders: { Authorization: "Bearer x" } },
      "requestHeaders.Authorization: is set by Evergrant and cannot be given here",
    ],
    [{ requestHeaders: { "x-a": "b\r\nc: d" } }, "requestHeaders.x-a: must hold printable ASCII characters only"],
    [{ requestHeaders: { "x a": "b" } }, "requestHeaders.x a: is not a header name"],
    [
      { requestParameters: { client_secret: "x" } },
      "requestParameters.client_secret: is set by Evergrant and cannot be given here",
    ],
    [
      { tokenUrl: "id.acme.example/token" },
      "tokenUrl: must be an absolute URL such as https://id.example.com/oauth/token",
    ],
    [
      { tokenUrl: "http://id.acme.example/token" },
      "tokenUrl: must be https (plain http only to 127.0.0.1, [::1] or localhost)",
    ],
    [{ tokenUrl: "ftp://id.acme.example/token" }, "tokenUrl: must begin with https://"],
    [{ tokenUrl: "https://id.acme.example/token#a" }, "tokenUrl: must not have a fragment (RFC 6749 section 3.2)"],
    [{ tokenUrl: "https://id:hunter2@acme.example/token" }, "tokenUrl: must not hold a user name or password"],
    [
      { provider: "Acme Books" },
      "provider: must be a short name of lower-case letters, digits, - and _, such as acme-books",
    ],
    [{ clientSecret: "hunter2" }, "clientSecret: unknown field; known here: provider, tokenUrl"],
  ])("%j is refused by field and reason", (changes, message) => {
    const fault = faultOf(() => parse({ ...minimal, ...changes }));
    expect(fault.startsWith(`acme.json: ${message}`), fault).toBe(true);
    expect(fault).not.toContain("hunter2");
  });

  test("all faults are named at once, in one line", () => {
    const fault = faultOf(() => parse({ ...minimal, tokenUrl: "nowhere", graceMs: "soon", retri: {} }));
    for (const field of ["tokenUrl: ", "graceMs: ", "retri: "]) expect(fault).toContain(field);
  });

  test.each([
    ["{", "acme.json: is not JSON"],
    ['{\n  "provider": "acme",\n  oops\n}', "acme.json: is not JSON, see line 3, column 3"],
    ["[]", "acme.json: the descriptor must be an object"],
    ['"hunter2"', "acme.json: the descriptor must be an object"],
    ["hunter2", "acme.json: is not JSON"],
    ["{}", "acme.json: provider: missing, name the provider it describes"],
    ['{"provider":7}', "acme.json: provider: must be a string"],
    [
      '{"provider":"acme"}',
      "acme.json: tokenUrl: missing, and acme is not built in (built in are xero and quickbooks)",
    ],
    [
      '{"provider":"quickbook"}',
      "acme.json: tokenUrl: missing, and quickbook is not built in (did you mean quickbooks?)",
    ],
  ])("%j: %s", (text, message) => {
    const fault = faultOf(() => parseDescriptorFile(text, "acme.json"));
    expect(fault.startsWith(message), fault).toBe(true);
    expect(fault).not.toContain("hunter2");
  });

  test.each(["http://127.0.0.1:8080/token", "http://[::1]/token", "http://localhost/token"])(
    "%s is this machine",
    (tokenUrl) => {
      expect(parse({ ...minimal, tokenUrl }).descriptor.tokenUrl).toBe(tokenUrl);
    },
  );
});

describe("what an OAuth app stores is laid over the built-in", () => {
  test.each([null, undefined, {}])("%j changes nothing", (stored) => {
    expect(resolveDescriptor("xero", stored)).toEqual(xero);
    expect(resolveDescriptor("quickbooks", stored)).toEqual(quickbooks);
  });

  test("field by field, with its error rules first", () => {
    const descriptor = resolveDescriptor("quickbooks", {
      schedule: { keepaliveMs: "4s" },
      requestHeaders: { "X-Trace": "1" },
      errorRules: [{ error: "busy", outcome: "throttled" }],
      requestIdHeader: "X-Request-Id",
    });
    expect(descriptor.schedule).toEqual({ ...quickbooks.schedule, keepaliveMs: 4_000 });
    expect(descriptor.requestHeaders).toEqual({ ...quickbooks.requestHeaders, "x-trace": "1" });
    expect(descriptor.errorRules).toEqual([{ error: "busy", outcome: "throttled" }, ...quickbooks.errorRules]);
    expect(descriptor.requestIdHeader).toBe("x-request-id");
    expect(resolveDescriptor("quickbooks", { requestIdHeader: null }).requestIdHeader).toBeNull();
  });

  test("a descriptor of another provider is refused", () => {
    expect(faultOf(() => resolveDescriptor("xero", { provider: "quickbooks" }))).toBe(
      "descriptor of xero: provider: describes quickbooks, not xero",
    );
  });

  test("a row that holds no object is refused", () => {
    expect(faultOf(() => resolveDescriptor("xero", "off"))).toBe(
      "descriptor of xero: the descriptor must be an object",
    );
  });
});
