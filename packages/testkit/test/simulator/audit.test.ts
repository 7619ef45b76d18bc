import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/simulator/ledger/random.ts";
import { basic, minute, startProvider } from "./harness.ts";

const fingerprint = (token: string) => createHash("sha256").update(token).digest("hex").slice(0, 16);

describe("the audit", () => {
  test("names every refresh token of a grant that still works, and until when", async () => {
    const xero = await startProvider("xero");
    const { refreshToken } = await xero.mintOne();
    const next = await xero.refresh(refreshToken);
    const grace = { fingerprint: fingerprint(refreshToken), generation: 0, worksUntil: xero.now() + 30 * minute };
    const { working } = await xero.auditOne();
    expect(working).toMatchObject([grace, { fingerprint: fingerprint(next.json.refresh_token), generation: 1 }]);
    xero.advance(30 * minute);
    expect((await xero.auditOne()).working).toMatchObject([{ generation: 1 }]);
  });

  test("sums up what happened, and tells customers who left from grants that we lost", async () => {
    const { control, mintOne, refresh, now } = await startProvider("strict");
    const [kept, idle, left, reused] = [await mintOne(), await mintOne(), await mintOne(), await mintOne()];
    const { json } = await refresh(kept.refreshToken);
    await refresh(json.refresh_token);
    await control.revoke({ grantIds: [left.id] });
    await refresh(left.refreshToken);
    await refresh(reused.refreshToken);
    await refresh(reused.refreshToken);
    await refresh(idle.refreshToken, basic("app", "wrong"));
    expect(await control.audit()).toMatchObject({
      grants: 4,
      alive: 2,
      ended: { customer: 1, app: 0, reuse: 1, idle: 0, hard: 0 },
      revokedByCustomer: {
        count: 1,
        grants: [{ id: left.id, customer: left.customer, clientId: "app", revokedAt: now() }],
      },
      requests: 6,
      rotations: 3,
      neverRotated: 2,
      rotatedOnce: 1,
      spentPresented: { insideGrace: 0, outsideGrace: 1 },
      invalidGrantAnswers: 2,
      invalidClientAnswers: 1,
      answers: { requests: 6, rotated: 3, renewed: 0, invalid_grant: 2, invalid_client: 1, error: 0, fault: 0 },
    });
  });

  test("tells the history of a grant, token by token and without their values", async () => {
    const { control, mintOne, refresh, advance, now } = await startProvider("strict");
    const { id, refreshToken } = await mintOne();
    const mintedAt = now();
    advance(minute);
    const { json } = await refresh(refreshToken);
    const history = await control.grantHistory(id);
    expect(history).toMatchObject({
      id,
      rotations: 1,
      tokens: [
        { generation: 0, issuedAt: mintedAt, firstUsedAt: now(), spentAt: now() },
        { generation: 1, issuedAt: now(), firstUsedAt: null, spentAt: null },
      ],
    });
    expect(JSON.stringify(history)).not.toContain(json.refresh_token);
    await expect(control.grantHistory("nobody")).rejects.toThrow(/no grant is called nobody/);
  });

  test("of one client leaves the others out", async () => {
    const { control, mintOne, refresh } = await startProvider("strict");
    await refresh((await mintOne()).refreshToken);
    await control.register({ id: "another", kind: "strict", secrets: ["x"] });
    await control.mint({ clientId: "another", count: 2 });
    expect(await control.audit("another")).toMatchObject({ grants: 2, requests: 0, answers: { requests: 0 } });
    expect(await control.auditGrants("app")).toHaveLength(1);
  });
});

describe("a check", () => {
  test("says why, for whom, and spends nothing", async () => {
    const { control, mintOne, refresh } = await startProvider("strict");
    const [one, other] = [await mintOne(), await mintOne()];
    const checked = await control.check({
      grants: { [one.id]: one.refreshToken, [other.id]: one.refreshToken },
      tokens: [other.refreshToken, "unknown", one.accessToken],
    });
    expect(checked).toMatchObject({
      grants: {
        [one.id]: { accepted: true, verdict: "current", grantId: one.id },
        [other.id]: { accepted: false, verdict: "other_grant", grantId: one.id },
      },
      tokens: [
        { accepted: true, verdict: "current", grantId: other.id },
        { accepted: false, verdict: "unknown", grantId: null },
        { accepted: false, verdict: "unknown", grantId: null },
      ],
    });
    expect((await refresh(one.refreshToken)).status).toBe(200);
  });

  test.each(["xero", "quickbooks", "strict"] as const)("at %s always foretells the answer", async (kind) => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = seededRandom(seed);
    const provider = await startProvider(kind, {
      idleTtlMs: 300 * minute,
      hardTtlMs: 5_000 * minute,
      rotationIntervalMs: 60 * minute,
    });
    const issued: string[] = [];
    for (let turn = 0; turn < 400; turn += 1) {
      if (random() < 0.05 || issued.length === 0) issued.push((await provider.mintOne()).refreshToken);
      if (random() < 0.02) await provider.control.revoke({ clientId: "app", count: 1 });
      provider.advance(Math.floor(random() ** 4 * 120 * minute));
      const token = issued[issued.length - 1 - Math.floor(random() ** 3 * issued.length)] ?? "";
      const [foretold] = (await provider.control.check({ tokens: [token] })).tokens;
      const answer = await provider.refresh(token);
      expect(answer.status, `seed ${seed}, turn ${turn}: ${foretold?.verdict}`).toBe(foretold?.accepted ? 200 : 400);
      if (answer.status === 200 && answer.json.refresh_token !== token) issued.push(answer.json.refresh_token);
    }
    const { answers, rotations } = await provider.control.audit();
    expect(answers.requests).toBe(400);
    expect(answers.rotated).toBe(rotations);
    expect(Math.min(answers.invalid_grant, answers.rotated), `seed ${seed}`).toBeGreaterThan(5);
  });
});
