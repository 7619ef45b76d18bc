import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { EscrowEntry, EscrowPlace } from "./escrow.ts";

const SUFFIX = ".sealed";
const AWAITED_SUFFIX = ".awaited";
/** Long past its end nobody is about to renew a mark, and whoever looks into the folder takes it away. */
const ENDED_MARKS_KEPT_MS = 60_000;
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
      await makeDirectory(directory);
      await Promise.all(entries.map(write));
      await syncDirectory(directory);
    },
    async readAll() {
      await removeEndedMarks(directory).catch(() => {
        // A folder that can be read and not written: its entries matter, old marks do not.
      });
      const ids = await listIds(directory);
      const found = await Promise.all(ids.map(async (id) => ({ id, sealed: await readIfThere(fileOf(id)) })));
      return found.flatMap(({ id, sealed }) => (sealed === null ? [] : [{ id, sealed }]));
    },
    async remove(ids) {
      await Promise.all(ids.map((id) => rm(fileOf(id), { force: true })));
    },
    count: async () => (await listIds(directory)).length,
    async markAwaited(requests, forMs) {
      await makeDirectory(directory);
      const until = Date.now() + forMs;
      await Promise.all(requests.map((id) => writeMark(markOf(directory, id), until)));
    },
    async readAwaited(requests) {
      const ends = await Promise.all(requests.map((id) => readEnd(markOf(directory, id))));
      const now = Date.now();
      return requests.filter((_, index) => (ends[index] ?? 0) > now);
    },
    close: async () => {},
  };
}

async function makeDirectory(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true, mode: OWNER_ONLY });
  if (made !== undefined) await syncDirectory(dirname(made));
}

/** A request's name may hold whatever a file's may not. */
function markOf(directory: string, request: string): string {
  return join(directory, `${createHash("sha256").update(request).digest("hex")}${AWAITED_SUFFIX}`);
}

/** Whole or not at all for whoever reads; not synced, since a power cut ends the worker that awaits as well. */
async function writeMark(file: string, until: number): Promise<void> {
  const draft = `${file}.${randomUUID()}.draft`;
  await writeFile(draft, `${until}`, { mode: 0o600 });
  await rename(draft, file);
}

/** Epoch ms; null where there is no mark. */
async function readEnd(file: string): Promise<number | null> {
  const bytes = await readIfThere(file);
  return bytes === null ? null : Number(Buffer.from(bytes).toString());
}

async function removeEndedMarks(directory: string): Promise<void> {
  const remove = async (file: string) => {
    const until = await readEnd(file);
    if (until !== null && until < Date.now() - ENDED_MARKS_KEPT_MS) await rm(file, { force: true });
  };
  const names = await listNames(directory, AWAITED_SUFFIX);
  await Promise.all(names.map((name) => remove(join(directory, name))));
}

async function listIds(directory: string): Promise<string[]> {
  return (await listNames(directory, SUFFIX)).map((name) => name.slice(0, -SUFFIX.length));
}

async function listNames(directory: string, suffix: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => name.endsWith(suffix));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Null for one that another worker has removed meanwhile. */
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
