import { describe, expect, test } from "vitest";
import type { FaultEffect, FaultSpec, ProviderKind } from "../../src/simulator/index.ts";
import { basic, startProvider, until } from "./harness.ts";

type Effect = FaultSpec["effect"];

async function withFault(effect: Effect, kind: ProviderKind = "xero") {
  const provider = await startProvider(kind);
  const grant = await provider.mintOne();
  await provider.control.setFault({ effect, times: 1 });
  return { ...provider, grant };
}

async function readUntilCut(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const piece of response.body ?? []) text += decoder.decode(piece, { stream: true });
  } catch {
    return text;
  }
  throw new Error("the body came to its end");
}

describe("a fault that replaces the reply", () => {
  test.each<[Effect, number, RegExp]>([
    [{ type: "status", status: 500 }, 500, /^$/],
    [{ type: "status", status: 502, body: "Bad Gateway" }, 502, /^Bad Gateway$/],
    [{ type: "status", status: 503 }, 503, /^$/],
    [{ type: "status", status: 504 }, 504, /^$/],
    [{ type: "html" }, 200, /^<!doctype html>/],
    [{ type: "html", status: 403 }, 403, /^<!doctype html>/],
    [{ type: "empty" }, 200, /^$/],
    [{ type: "junk" }, 200, /^}{/],
    [{ type: "error_in_200" }, 200, /^{"error":"invalid_grant"}$/],
    [{ type: "big_body", bytes: 10_000_000 }, 200, /^ +$/],
    [{ type: "redirect", location: "/elsewhere" }, 302, /^$/],
  ])("%o answers %i and leaves the token unspent", async (effect, status, body) => {
    const { grant, refresh, auditOne, control } = await withFault(effect);
    const answer = await refresh(grant.refreshToken);
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(body);
    expect(await auditOne()).toMatchObject({ rotations: 0, rejected: 0 });
    expect((await refresh(grant.refreshToken)).status).toBe(200);
    expect((await control.stats()).kinds.xero).toMatchObject({ requests: 2, fault: 1, rotated: 1 });
  });

  test("throttle says when to come back", async () => {
    const { grant, refresh } = await withFault({ type: "throttle", retryAfter: 7 }, "quickbooks");
    const answer = await refresh(grant.refreshToken);
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "7"]);
    expect(answer.headers.get("intuit_tid")).toBeTruthy();
  });

  test("redirect names the place", async () => {
    const { grant, refresh } = await withFault({ type: "redirect", location: "http://127.0.0.1:9/steal" });
    expect((await refresh(grant.refreshToken)).headers.get("location")).toBe("http://127.0.0.1:9/steal");
  });
});

describe("a fault after the rotation", () => {
  test.each<Effect>([{ type: "drop" }, { type: "half_body" }])(
    "%o loses the answer but not the new token",
    async (effect) => {
      const { grant, refresh, auditOne, control } = await withFault(effect);
      await expect(refresh(grant.refreshToken)).rejects.toThrow();
      expect((await auditOne()).rotations).toBe(1);
      expect((await control.check({ tokens: [grant.refreshToken] })).tokens[0]?.verdict).toBe("grace");
      expect((await control.stats()).kinds.xero).toMatchObject({ fault: 1, rotated: 0 });
    },
  );

  test.each<Effect>([
    { type: "status", status: 503, at: "rotated" },
    { type: "html", at: "rotated" },
    { type: "empty", at: "rotated" },
    { type: "junk", at: "rotated" },
    { type: "big_body", bytes: 100, at: "rotated" },
  ])("%o answers without the new token", async (effect) => {
    const { grant, refresh, auditOne } = await withFault(effect);
    expect((await refresh(grant.refreshToken)).json).not.toHaveProperty("refresh_token");
    expect((await auditOne()).rotations).toBe(1);
  });

  test("a drop before the rotation spends nothing", async () => {
    const { grant, refresh, auditOne } = await withFault({ type: "drop", at: "received" });
    await expect(refresh(grant.refreshToken)).rejects.toThrow();
    expect((await auditOne()).rotations).toBe(0);
  });

  test.each<ProviderKind>(["xero", "quickbooks"])(
    "half a body of %s stops within the refresh token, after a full header",
    async (kind) => {
      const { grant, tokenUrl, control } = await withFault({ type: "half_body" }, kind);
      await control.setRules(kind, { rotationIntervalMs: 0 });
      const response = await fetch(tokenUrl, {
        method: "POST",
        headers: basic("app", "s3cret"),
        body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: grant.refreshToken }),
      });
      expect(response.status).toBe(200);
      expect(Number(response.headers.get("content-length"))).toBeGreaterThan(100);
      expect(await readUntilCut(response)).toMatch(/"refresh_token":"[^"]+$/);
    },
  );

  test("drip sends the true reply byte by byte", async () => {
    const { grant, tokenUrl } = await withFault({ type: "drip", intervalMs: 1 }, "strict");
    const response = await fetch(tokenUrl, {
      method: "POST",
      headers: basic("app", "s3cret"),
      body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: grant.refreshToken }),
    });
    const pieces: number[] = [];
    for await (const piece of response.body ?? []) pieces.push(piece.length);
    expect(pieces.length).toBeGreaterThan(100);
    expect(pieces.reduce((sum, length) => sum + length, 0)).toBe(Number(response.headers.get("content-length")));
  });
});

describe("a fault that edits the reply", () => {
  test.each<[Effect, unknown]>([
    [{ type: "expires_in", value: "1800" }, "1800"],
    [{ type: "expires_in", value: 0 }, 0],
    [{ type: "expires_in", value: -5 }, -5],
    [{ type: "expires_in" }, undefined],
  ])("%o changes that field alone", async (effect, expected) => {
    const { grant, refresh } = await withFault(effect);
    const { json } = await refresh(grant.refreshToken);
    expect(json.expires_in).toBe(expected);
    expect(json).toMatchObject({ access_token: expect.any(String), refresh_token: expect.any(String) });
  });

  test("omit_refresh_token and omit_access_token combine", async () => {
    const { grant, refresh, control } = await withFault({ type: "omit_refresh_token" });
    await control.setFault({ effect: { type: "omit_access_token" }, times: 1 });
    const { status, json } = await refresh(grant.refreshToken);
    expect([status, Object.keys(json)]).toEqual([200, ["expires_in", "token_type", "scope"]]);
  });

  test("errors pass unedited", async () => {
    const { refresh } = await withFault({ type: "expires_in", value: 0 });
    expect((await refresh("unknown")).text).toBe('{"error":"invalid_grant"}');
  });
});

describe("a fault", () => {
  test("of latency delays the answer by its time or a time from its range", async () => {
    const { grant, refresh, control } = await withFault({ type: "latency", ms: 120 });
    await control.setFault({ effect: { type: "latency", ms: [80, 90] }, times: 1 });
    const startedAt = performance.now();
    expect((await refresh(grant.refreshToken)).status).toBe(200);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(199);
  });

  test("strikes its target only", async () => {
    const { control, mintOne, refresh } = await startProvider("xero");
    const [struck, spared] = [await mintOne(), await mintOne()];
    const effect: FaultEffect = { type: "status", status: 503, body: "", at: "received" };
    await control.setFaults([
      { effect, grantId: struck.id },
      { effect, clientId: "another" },
      { effect, kind: "quickbooks" },
    ]);
    expect((await refresh(struck.refreshToken)).status).toBe(503);
    expect((await refresh(spared.refreshToken)).status).toBe(200);
    expect((await control.stats()).faults.map(({ applied }) => applied)).toEqual([1, 0, 0]);
  });

  test("ends after its number of times, or when it is cleared", async () => {
    const { control, mintOne, refresh } = await startProvider("quickbooks");
    const { refreshToken } = await mintOne();
    await control.setFault({ effect: { type: "status", status: 500 }, times: 2 });
    const lasting = await control.setFault({ effect: { type: "status", status: 502 } });
    const statuses = [];
    for (let turn = 0; turn < 4; turn += 1) statuses.push((await refresh(refreshToken)).status);
    await control.clearFaults(lasting.id);
    expect([...statuses, (await refresh(refreshToken)).status]).toEqual([500, 500, 502, 502, 200]);
  });

  test("with a probability strikes alike in every run with the same seed", async () => {
    const run = async () => {
      const { control, mintOne, refresh } = await startProvider("quickbooks", {}, { seed: 7 });
      const { refreshToken } = await mintOne();
      await control.setFault({ effect: { type: "status", status: 500 }, probability: 0.3 });
      const statuses = [];
      for (let turn = 0; turn < 60; turn += 1) statuses.push((await refresh(refreshToken)).status);
      return statuses;
    };
    const first = await run();
    expect(await run()).toEqual(first);
    expect(first.filter((status) => status === 500).length).toBeGreaterThan(5);
    expect(first.filter((status) => status === 200).length).toBeGreaterThan(25);
  });

  test("that is misspelt is refused in one line", async () => {
    const { control } = await startProvider("xero");
    const wrong = JSON.parse('{"effect":{"type":"drop","when":"now"},"time":3}');
    await expect(control.setFault(wrong)).rejects.toThrow(/Unrecognized key.*when.*Unrecognized key.*time/);
  });

  test("whose client hangs up while it waits still rotates, and no request stays in flight", async () => {
    const { grant, tokenUrl, control, auditOne } = await withFault({ type: "hold", at: "received" });
    const [hold] = (await control.stats()).faults;
    const hangUp = new AbortController();
    const request = fetch(tokenUrl, {
      method: "POST",
      headers: basic("app", "s3cret"),
      body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: grant.refreshToken }),
      signal: hangUp.signal,
    });
    await control.awaitHeld(hold?.id ?? "");
    hangUp.abort();
    await expect(request).rejects.toThrow();
    await until(async () => (await control.stats()).inFlight === 0);
    await control.release(hold?.id ?? "");
    await until(async () => (await auditOne()).rotations === 1);
  });
});

test("a fault names the grants whose new refresh token it kept from arriving, and no others", async () => {
  const { control, mintOne, refresh } = await startProvider("strict");
  const grants = [await mintOne(), await mintOne(), await mintOne()];
  const effects: FaultEffect[] = [
    { type: "drop", at: "rotated" },
    { type: "drop", at: "received" },
    { type: "drip", intervalMs: 0 },
  ];
  const withheld: (readonly string[] | undefined)[] = [];
  for (const [index, effect] of effects.entries()) {
    const { id } = await control.setFault({ effect });
    await refresh(grants[index]?.refreshToken ?? "").catch(() => undefined);
    withheld.push((await control.fault(id))?.withheld);
    await control.clearFaults();
  }
  expect(withheld).toEqual([[grants[0]?.id], [], []]);
});

test("a fault tells whose token was spent and whose reply it has begun, and the grant when its new token had left whole", async () => {
  const { control, mintOne, refresh, now } = await startProvider("strict");
  const [renewed, refused, dropped] = [await mintOne(), await mintOne(), await mintOne()];
  const { id: drip } = await control.setFault({ effect: { type: "drip", intervalMs: 0 } });
  const deliveredAt = async (token: string) =>
    (await control.check({ tokens: [token] })).tokens[0]?.grant?.lastDeliveredAt ?? null;
  await refresh(renewed.refreshToken);
  await until(async () => (await deliveredAt(renewed.refreshToken)) === now());
  await refresh(`${refused.refreshToken}x`);
  expect(await control.fault(drip)).toMatchObject({ rotated: [renewed.id], begun: [renewed.id], withheld: [] });
  await control.clearFaults();
  await control.setFault({ effect: { type: "drop" } });
  await refresh(dropped.refreshToken).catch(() => undefined);
  expect(await deliveredAt(dropped.refreshToken)).toBeNull();
});

test("a fault that is stopped is told of only when all that it has struck has come to its end, and strikes nobody else", async () => {
  const { control, mintOne, refresh } = await startProvider("strict");
  const [struck, spared] = [await mintOne(), await mintOne()];
  const hold = await control.hold({ grantId: struck.id }, "received");
  const { id } = await control.setFault({ effect: { type: "drop", at: "rotated" } });
  const request = refresh(struck.refreshToken).catch(() => undefined);
  await control.awaitHeld(hold);
  await expect(control.stopFault(id, 0)).rejects.toThrow(/1 requests struck by .* are open/);
  const stopped = control.stopFault(id);
  await control.release(hold);
  expect(await stopped).toMatchObject({ applied: 1, ended: 1, struck: [struck.id], withheld: [struck.id] });
  await request;
  expect((await refresh(spared.refreshToken)).json).toHaveProperty("refresh_token");
  expect(await control.fault(id)).toMatchObject({ applied: 1 });
});

test("a latency ends for a client that hangs up, and its request is carried out all the same", async () => {
  const { control, mintOne, tokenUrl } = await startProvider("strict");
  const { refreshToken } = await mintOne();
  await control.setFault({ effect: { type: "latency", ms: 60_000 } });
  const gone = new AbortController();
  const asked = fetch(tokenUrl, {
    method: "POST",
    headers: { authorization: `Basic ${btoa("app:s3cret")}` },
    body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: refreshToken }),
    signal: gone.signal,
  });
  await expect.poll(async () => (await control.stats()).inFlight).toBe(1);
  gone.abort();
  await expect(asked).rejects.toThrow();
  const verdict = async () => (await control.check({ tokens: [refreshToken] })).tokens[0]?.verdict;
  await expect.poll(verdict).toBe("spent");
});
