import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTcpProxy, type TcpProxy } from "@evergrant/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { openWorkplace, type Workplace } from "./worker-under-test.ts";

const leaseMs = 1_500;

let place: Workplace;
beforeAll(async () => {
  place = await openWorkplace();
});
afterAll(() => place.close());

const cuts: readonly [string, (way: TcpProxy) => Promise<void>][] = [
  ["is refused", (way) => way.cut()],
  ["is silent", async (way) => way.silence()],
];

test.each(cuts)(
  "a slow answer to the one worker whose database %s costs no grant: others ask nobody meanwhile, and take it from the escrow",
  async (_, cutOff) => {
    const { provider, store } = place;
    const [id = ""] = await place.connect(1);
    const { way, cut, other } = await startWorkers();
    const hold = await provider.hold({ grantId: id }, "rotated");
    const refreshed = cut.refresh(id);
    await provider.awaitHeld(hold);
    await cutOff(way);

    const attempts: Promise<unknown>[] = [];
    const retried = async <Seen>(look: () => Promise<Seen>) => {
      attempts.push(other.refresh(id));
      return look();
    };
    const holder = async () => (await store.prisma.refreshIntent.findUnique({ where: { connectionId: id } }))?.holder;
    const first = await holder();
    await expect.poll(() => retried(holder), { timeout: 6 * leaseMs }).not.toBe(first);
    // Where nobody is asked, the attempts end; a request would be kept by the provider.
    const asked = provider.awaitHeld(hold, 2, 60_000).then(
      () => "asked again",
      () => "not asked in a minute",
    );
    expect(await Promise.race([Promise.all(attempts).then(() => "left alone"), asked])).toBe("left alone");

    const generation = async () =>
      (await store.prisma.tokenSet.findUnique({ where: { connectionId: id } }))?.generation;
    const before = (await generation()) ?? 0;
    await provider.clearFaults(hold);
    await expect.poll(() => retried(generation), { timeout: 10_000 }).toBe(before + 1);
    await way.restore();
    await Promise.all([refreshed, ...attempts]);
    expect((await provider.auditGrants()).find((grant) => grant.id === id)).toMatchObject({
      alive: true,
      requests: 1,
      overlaps: 0,
      spentPresented: { insideGrace: 0, outsideGrace: 0 },
    });
  },
);

/** Two workers with one escrow; one reaches the database by a way that can be cut. */
async function startWorkers() {
  const escrowDir = await mkdtemp(join(tmpdir(), "evergrant-cut-off-"));
  const through = new URL(place.databaseUrl);
  const way = await startTcpProxy({ host: through.hostname, port: Number(through.port) });
  through.port = `${way.port}`;
  onTestFinished(async () => {
    await place.provider.clearFaults();
    await way.restore();
    await place.stopWorkers();
    await way.cut();
    await rm(escrowDir, { recursive: true });
  });
  const cut = place.startWorker({ leaseMs, escrowDir, databaseUrl: through.href });
  return { way, cut, other: place.startWorker({ leaseMs, escrowDir }) };
}
