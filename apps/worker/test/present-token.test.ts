import { createTokenClient, resolveDescriptor } from "@evergrant/providers";
import { SimulatorClient, startSimulator } from "@evergrant/testkit";
import { expect, onTestFinished, test } from "vitest";
import { createPresentToken, type PresentToken } from "../src/present-token.ts";

/** A worker's way to a provider, and a token that has yet to be presented there. */
async function aToken(): Promise<{
  readonly present: (mayBegin: Parameters<PresentToken>[2]) => ReturnType<PresentToken>;
  readonly requests: () => Promise<number>;
}> {
  const simulator = await startSimulator();
  const provider = new SimulatorClient(simulator.url);
  const client = createTokenClient();
  onTestFinished(async () => {
    await client.close();
    await simulator.close();
  });
  await provider.register({ id: "app", kind: "strict", secrets: ["a secret"] });
  const [grant] = await provider.mint({ clientId: "app" });
  if (grant === undefined) throw new Error("nothing was minted");
  // What is sealed does not matter here: it opens to the token.
  const vault = { openToken: () => grant.refreshToken } as unknown as Parameters<typeof createPresentToken>[1];
  const descriptor = resolveDescriptor("sample", { tokenUrl: simulator.tokenUrls.strict });
  const app = { appId: "app", descriptor, clientId: "app", secrets: [{ id: 1n, value: "a secret" }], fault: null };
  const token = { connectionId: grant.id, generation: 1, refreshToken: new Uint8Array() };
  return {
    present: (mayBegin) => createPresentToken(client, vault)(token, app, mayBegin),
    requests: async () => (await provider.audit()).requests,
  };
}

test("a worker that may no longer begin when its connection is found sends nothing, and nobody is to blame", async () => {
  const { present, requests } = await aToken();
  expect((await present(() => false)).outcome).toMatchObject({ kind: "unavailable", mayHaveRotated: false });
  expect(await requests()).toBe(0);
});

test("one that may is answered", async () => {
  const { present, requests } = await aToken();
  expect(await present(() => true)).toMatchObject({ outcome: { kind: "rotated" }, secretId: 1n });
  expect(await requests()).toBe(1);
});
