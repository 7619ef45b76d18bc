import { readFile } from "node:fs/promises";
import type { Piece } from "./find-canaries.ts";

export interface ProcessToRead {
  readonly name: string;
  readonly pid: number;
  /** Names of the canaries that its environment may hold. */
  readonly mayHold?: readonly string[];
}

/**
 * What everybody on the machine can see of a process, its arguments, and what its owner can, the
 * environment that it was started with.
 *
 * @throws where there is no /proc (anything but Linux), or no such process
 */
export async function* readProcess({ name, pid, mayHold = [] }: ProcessToRead): AsyncGenerator<Piece, void> {
  yield { place: `arguments of ${name}`, content: await readFile(`/proc/${pid}/cmdline`) };
  yield { place: `environment of ${name}`, content: await readFile(`/proc/${pid}/environ`), allowed: mayHold };
}
