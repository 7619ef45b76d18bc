import { describe, expect, test } from "vitest";
import { startProvider } from "./harness.ts";

describe("a hold", () => {
  test("at received keeps the token unspent until the release", async () => {
    const { control, mintOne, refresh } = await startProvider("strict");
    const { refreshToken } = await mintOne();
    const hold = await control.hold({}, "received");
    const held = refresh(refreshToken);
    await control.awaitHeld(hold);
    expect((await control.check({ tokens: [refreshToken] })).tokens[0]?.verdict).toBe("current");
    expect(await control.release(hold)).toBe(1);
    expect((await held).status).toBe(200);
  });

  test("at rotated has spent the token, and nobody has seen the new one", async () => {
    const { control, mintOne, refresh, auditOne } = await startProvider("strict");
    const { refreshToken } = await mintOne();
    const hold = await control.hold({}, "rotated");
    const held = refresh(refreshToken);
    await control.awaitHeld(hold);
    expect((await control.check({ tokens: [refreshToken] })).tokens[0]?.verdict).toBe("spent");
    expect((await auditOne()).working).toMatchObject([{ generation: 1 }]);
    await control.release(hold);
    expect((await held).status).toBe(200);
  });

  test("lets requests go one by one, in the order of their arrival", async () => {
    const { control, mintOne, refresh, auditOne } = await startProvider("xero");
    const { refreshToken } = await mintOne();
    const hold = await control.hold({}, "received");
    const answered: number[] = [];
    const ask = (number: number) => refresh(refreshToken).then(() => answered.push(number));
    const first = ask(1);
    await control.awaitHeld(hold, 1);
    const second = ask(2);
    await control.awaitHeld(hold, 2);
    await control.release(hold, 1);
    await first;
    expect(answered).toEqual([1]);
    await control.clearFaults(hold);
    await second;
    expect((await auditOne()).rotations).toBe(2);
  });

  test("that nobody reaches is reported, not waited for without end", async () => {
    const { control } = await startProvider("xero");
    const hold = await control.hold({}, "received");
    await expect(control.awaitHeld(hold, 1, 30)).rejects.toThrow("0 of 1 requests were held");
    await expect(control.awaitHeld("fault-99", 1, 30)).rejects.toThrow("no fault fault-99");
  });

  test("that is cleared holds nobody any more, not even a request that was on its way to it", async () => {
    const { control, mintOne, refresh } = await startProvider("strict");
    const { refreshToken } = await mintOne();
    await control.setFault({ effect: { type: "latency", ms: 50 } });
    const hold = await control.hold({}, "rotated");
    const late = refresh(refreshToken);
    await expect.poll(async () => (await control.fault(hold))?.applied).toBe(1);
    await control.clearFaults(hold);
    expect((await late).status).toBe(200);
  });

  test("does not outlast the simulator", async () => {
    const { control, mintOne, refresh, simulator } = await startProvider("xero");
    const { refreshToken, id } = await mintOne();
    const hold = await control.hold({}, "received");
    const lost = expect(refresh(refreshToken)).rejects.toThrow();
    await control.awaitHeld(hold);
    await simulator.close();
    await lost;
    expect(simulator.state.grantsById.get(id)?.rotations).toBe(0);
  });
});

describe("overlaps", () => {
  test("are counted for requests of one grant at a time, whichever of its tokens they carry", async () => {
    const { control, mintOne, refresh, auditOne, now, advance } = await startProvider("xero");
    const { refreshToken } = await mintOne();
    const next = await refresh(refreshToken);
    expect((await auditOne()).misuses).toEqual([]);
    advance(1_000);
    const hold = await control.hold({}, "rotated");
    const both = [refresh(refreshToken), refresh(next.json.refresh_token)];
    await control.awaitHeld(hold, 2);
    await control.release(hold);
    await Promise.all(both);
    expect(await auditOne()).toMatchObject({ overlaps: 1, misuses: [{ what: "requests overlapped", at: now() }] });
    expect(await control.audit()).toMatchObject({ overlaps: 1, overlappedGrants: 1 });
  });

  test("are not counted for one request after another, nor between grants", async () => {
    const { control, mintOne, refresh } = await startProvider("xero");
    const hold = await control.hold({ times: 2 }, "received");
    const both = [refresh((await mintOne()).refreshToken), refresh((await mintOne()).refreshToken)];
    await control.awaitHeld(hold, 2);
    await control.release(hold);
    const [first] = await Promise.all(both);
    for (let token = first?.json.refresh_token ?? "", turn = 0; turn < 50; turn += 1) {
      token = (await refresh(token)).json.refresh_token;
    }
    expect(await control.audit()).toMatchObject({ overlaps: 0, overlappedGrants: 0, rotations: 52 });
  });
});

test("a fault tells whose requests it struck and holds, and how many of them nobody waits for any more", async () => {
  const { control, mintOne, tokenUrl } = await startProvider("strict");
  const [one, other] = [await mintOne(), await mintOne()];
  const hold = await control.hold({}, "received");
  const gone = new AbortController();
  const ask = (refreshToken: string, signal?: AbortSignal) =>
    fetch(tokenUrl, {
      method: "POST",
      headers: { authorization: `Basic ${btoa("app:s3cret")}` },
      body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: refreshToken }),
      ...(signal && { signal }),
    });
  const abandoned = expect(ask(one.refreshToken, gone.signal)).rejects.toThrow();
  await control.awaitHeld(hold, 1);
  const answered = ask(other.refreshToken);
  await control.awaitHeld(hold, 2);
  expect(await control.fault(hold)).toMatchObject({ heldGrants: [one.id, other.id], struck: [one.id, other.id] });
  expect(await control.stats()).toMatchObject({ abandoned: 0 });

  gone.abort();
  await abandoned;
  await expect.poll(async () => (await control.stats()).abandoned).toBe(1);
  await control.release(hold);
  expect((await answered).status).toBe(200);
  expect(await control.stats()).toMatchObject({ abandoned: 0 });
  // At a real provider too, what was received is carried out: the token is spent, and nobody has the new one.
  const { grants } = await control.check({ grants: { [one.id]: one.refreshToken } });
  expect(grants[one.id]).toMatchObject({
    verdict: "spent",
    generation: 0,
    grant: { newestGeneration: 1, inFlight: 0 },
  });
  expect(await control.fault("fault-99")).toBeNull();
});
