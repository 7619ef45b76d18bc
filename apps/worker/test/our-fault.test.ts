import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { APP, openWorkplace, type Workplace } from "./worker-under-test.ts";

/** The second refusal would be due: the first was so long ago. */
const LONG_AGO = new Date(Date.now() - 3_600_000);

let place: Workplace;
beforeAll(async () => {
  // Three of one kind would open the breaker, which is not what is asked here.
  place = await openWorkplace({ breaker: { leastMisconfigured: 1_000, leastRejected: 1_000 } });
});
afterEach(() => place.stopWorkers());
afterAll(() => place.close());

/** A connection that one more refusal would end. */
async function connectStruck(): Promise<string> {
  const [id] = await place.connect(1);
  if (id === undefined) throw new Error("nothing was minted");
  await place.store.prisma.connection.update({ where: { id }, data: { strikes: 1, firstStrikeAt: LONG_AGO } });
  return id;
}

const rowOf = (id: string) => place.store.prisma.connection.findUniqueOrThrow({ where: { id } });
const requestsOf = async (id: string) =>
  (await place.provider.auditGrants()).find((grant) => grant.id === id)?.requests;

const UNHARMED = { state: "active", strikes: 1, lastOutcome: "misconfigured", failures: 1 };

test("one that is refused once more ends: what follows is about connections that would", async () => {
  const id = await connectStruck();
  await place.provider.revoke({ grantIds: [id] });
  await place.startWorker().refresh(id);
  expect(await rowOf(id)).toMatchObject({ state: "needs_reauth", strikes: 2 });
});

describe("a mistake of ours is not held against a customer, nor is the provider asked:", () => {
  test("a stored token that does not open", async () => {
    const id = await connectStruck();
    const foreign = { connectionId: "of-another", field: "refreshToken", generation: 1 } as const;
    const refreshToken = place.vault.sealToken(foreign, "a refresh token");
    await place.store.prisma.tokenSet.update({ where: { connectionId: id }, data: { refreshToken } });
    await place.startWorker().refresh(id);
    expect(await rowOf(id)).toMatchObject(UNHARMED);
    expect(await requestsOf(id)).toBe(0);
  });

  test("a client secret that does not open", async () => {
    const id = await connectStruck();
    const foreign = place.vault.sealClientSecret({ appId: "another app" }, "a client secret");
    const { id: secretId, ciphertext } = await place.store.prisma.clientSecret.findFirstOrThrow({
      where: { appId: APP },
    });
    const secret = (value: Uint8Array) =>
      place.store.prisma.clientSecret.update({
        where: { id: secretId },
        data: { ciphertext: Uint8Array.from(value) },
      });
    await secret(foreign);
    await place.startWorker().refresh(id);
    await secret(ciphertext);
    expect(await rowOf(id)).toMatchObject(UNHARMED);
    expect(await requestsOf(id)).toBe(0);
  });

  test("a descriptor that cannot be used", async () => {
    const id = await connectStruck();
    const app = { where: { id: APP } };
    const { descriptor } = await place.store.prisma.oAuthApp.findUniqueOrThrow(app);
    await place.store.prisma.oAuthApp.update({ ...app, data: { descriptor: { tokenUrl: "no address" } } });
    await place.startWorker().refresh(id);
    await place.store.prisma.oAuthApp.update({ ...app, data: { descriptor: descriptor ?? {} } });
    expect(await rowOf(id)).toMatchObject(UNHARMED);
    expect(await requestsOf(id)).toBe(0);
  });
});

test("a client secret that the provider does not know is not held against a customer", async () => {
  const id = await connectStruck();
  await place.provider.register({ id: APP, kind: "strict", secrets: ["another secret"] });
  await place.startWorker().refresh(id);
  await place.provider.register({ id: APP, kind: "strict", secrets: ["the-secret-of-this-app"] });
  expect(await rowOf(id)).toMatchObject(UNHARMED);
});

test.each([
  ["an outage", { type: "status", status: 503, body: '{"error":"invalid_grant"}' }, "unavailable"],
  ["a firewall", { type: "html", status: 403 }, "unavailable"],
  ["a throttle", { type: "throttle", retryAfter: 1 }, "throttled"],
  ["a lost answer", { type: "drop", at: "received" }, "ambiguous"],
  [
    "a request that is refused as such",
    { type: "status", status: 400, body: '{"error":"invalid_request"}' },
    "misconfigured",
  ],
] as const)("%s is not held against a customer", async (_, effect, lastOutcome) => {
  const id = await connectStruck();
  await place.provider.setFault({ grantId: id, effect, times: 1 });
  await place.startWorker().refresh(id);
  expect(await rowOf(id)).toMatchObject({ ...UNHARMED, lastOutcome });
});
