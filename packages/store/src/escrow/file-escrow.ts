import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { EscrowEntry, EscrowPlace } from "./escrow.ts";

const SUFFIX = ".sealed";
const OWNER_ONLY = 0o700;

/**
 * One file an entry. A file appears under its name only when its bytes are on the disk, and the name is
 * on the disk when `put` resolves: a power cut leaves whole entries or none.
 */
export function createFileEscrow(directory: string): EscrowPlace {
  const fileOf = (id: string) => join(directory, `${id}${SUFFIX}`);

  const write = async ({ id, sealed }: EscrowEntry) => {
    const draft = join(directory, `${id}.draft`);
    const file = await open(draft, "w", 0o600);
    try {
      await file.writeFile(sealed);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, fileOf(id));
  };

  return {
    name: directory,
    async put(entries) {
      const made = await mkdir(directory, { recursive: true, mode: OWNER_ONLY });
      if (made !== undefined) await syncDirectory(dirname(made));
      await Promise.all(entries.map(write));
      await syncDirectory(directory);
    },
    async readAll() {
      const ids = await listIds(directory);
      const found = await Promise.all(ids.map(async (id) => ({ id, sealed: await readIfThere(fileOf(id)) })));
      return found.flatMap(({ id, sealed }) => (sealed === null ? [] : [{ id, sealed }]));
    },
    async remove(ids) {
      await Promise.all(ids.map((id) => rm(fileOf(id), { force: true })));
    },
    count: async () => (await listIds(directory)).length,
    close: async () => {},
  };
}

async function listIds(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory);
    return names.filter((name) => name.endsWith(SUFFIX)).map((name) => name.slice(0, -SUFFIX.length));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Null for one that another worker has settled meanwhile. */
async function readIfThere(file: string): Promise<Uint8Array | null> {
  try {
    return await readFile(file);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
