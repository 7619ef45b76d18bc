import { mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { openEscrow } from "../../src/escrow/index.ts";

interface Sync {
  readonly of: "file" | "folder";
  /** Bytes in it by then. */
  readonly size: number;
  /** What the folder showed at that moment. */
  readonly names: readonly string[];
}

test("an entry is on the disk before it has its name, and has its name on the disk before it counts as put", async () => {
  const directory = await mkdtemp(join(tmpdir(), "evergrant-escrow-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const syncs = await watchSyncs(directory);
  const escrow = openEscrow({ directory, namespace: "test", onError: () => {} });
  await escrow.put([{ id: "a", sealed: new Uint8Array(1_000) }]);

  expect(syncs.map(({ of }) => of)).toEqual(["file", "folder"]);
  expect(syncs[0]).toMatchObject({ size: 1_000, names: [expect.not.stringContaining(".sealed")] });
  expect(syncs[1]?.names).toEqual(["a.sealed"]);
});

/** Every sync from here on, with what could be seen when it was asked for. */
async function watchSyncs(directory: string): Promise<Sync[]> {
  const syncs: Sync[] = [];
  const probe = await open(directory, "r");
  const handles = Object.getPrototypeOf(probe) as typeof probe;
  await probe.close();
  const { sync } = handles;
  const watched = vi.spyOn(handles, "sync").mockImplementation(async function (this: typeof probe) {
    const about = await this.stat();
    const names = await readdir(directory);
    syncs.push({ of: about.isDirectory() ? "folder" : "file", size: about.size, names });
    return sync.call(this);
  });
  onTestFinished(() => watched.mockRestore());
  return syncs;
}
