import { open } from "node:fs/promises";
import { UserError } from "@evergrant/runtime/command";
import type { Io } from "../io.ts";

/** Where an import comes from. */
export interface ImportSource {
  /** As it appears in messages. */
  readonly name: string;
  readonly input: AsyncIterable<Uint8Array>;
  /** Null when it cannot be known before the end. */
  readonly totalBytes: number | null;
  close(): Promise<void>;
}

/**
 * Opens the file, or stdin for `-`.
 *
 * @throws UserError when the file cannot be read
 */
export async function openImportSource(io: Io, file: string): Promise<ImportSource> {
  if (file === "-") return { name: "stdin", input: io.stdin, totalBytes: null, close: async () => {} };
  try {
    const handle = await open(file);
    const stats = await handle.stat();
    if (stats.isDirectory()) {
      await handle.close();
      throw Object.assign(new Error("a folder"), { code: "EISDIR" });
    }
    const input = handle.createReadStream({ autoClose: false });
    return { name: file, input, totalBytes: stats.isFile() ? stats.size : null, close: () => handle.close() };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new UserError(`cannot read ${file} (${READ_FAULTS[code] ?? code})`, { cause: error });
  }
}

const READ_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "no permission",
  EISDIR: "it is a folder",
};
