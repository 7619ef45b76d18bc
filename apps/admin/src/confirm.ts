import { createInterface } from "node:readline/promises";
import { UserError } from "@evergrant/runtime/command";
import type { Io } from "./io.ts";

/**
 * Asks for a yes on the terminal.
 *
 * @throws UserError when the answer is anything else, or there is nobody to ask
 */
export async function confirm(io: Io, warning: string): Promise<void> {
  if (io.stdin.isTTY !== true) throw new UserError(`${warning} Add --yes if that is meant.`);
  const terminal = createInterface({
    input: io.stdin as unknown as NodeJS.ReadableStream,
    output: io.stderr as unknown as NodeJS.WritableStream,
  });
  try {
    const answer = await terminal.question(`${warning} Go on? [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new UserError("stopped; nothing was done");
  } finally {
    terminal.close();
  }
}
