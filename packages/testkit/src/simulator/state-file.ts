import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { Ledger } from "./ledger/ledger.ts";
import { type LedgerSnapshot, takeSnapshot } from "./ledger/ledger-snapshot.ts";

const writeEveryMs = 1000;

/** Reads what an earlier simulator saved; null if there is no file. Throws when the file is not a saved state. */
export async function loadState(path: string): Promise<LedgerSnapshot | null> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return null;
    throw cause;
  });
  if (text === null) return null;
  try {
    const snapshot: LedgerSnapshot = JSON.parse(text);
    if (snapshot.version === 1) return snapshot;
  } catch {
    // Said below, with what to do about it.
  }
  throw new Error(`${path} is not a saved simulator state: move it away to start afresh`);
}

/** Saves the ledger every second in which something changed. The file is replaced whole, after an fsync. */
export class StateWriter {
  readonly #path: string;
  readonly #ledger: Ledger;
  #savedChanges = -1;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string, ledger: Ledger) {
    this.#path = path;
    this.#ledger = ledger;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#writing = this.#save().finally(() => this.start());
    }, writeEveryMs);
  }

  /** Saves for the last time. */
  async stop(): Promise<void> {
    await this.#writing;
    clearTimeout(this.#timer);
    await this.#save();
  }

  async #save(): Promise<void> {
    const { changes } = this.#ledger;
    if (changes === this.#savedChanges) return;
    const text = JSON.stringify(takeSnapshot(this.#ledger));
    const draft = `${this.#path}.draft`;
    await mkdir(dirname(this.#path), { recursive: true });
    const file = await open(draft, "w", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, this.#path);
    const folder = await open(dirname(this.#path), "r");
    await folder.sync().finally(() => folder.close());
    this.#savedChanges = changes;
  }
}
