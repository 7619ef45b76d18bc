import type { Readable } from "node:stream";
import { MultiBar } from "cli-progress";
import type { Output } from "../io.ts";
import type { ImportSummary } from "./import-report.ts";

/** Shows people how far an import is, and lets other lines pass by unharmed. */
export interface ImportProgress {
  update(bytes: number, summary: ImportSummary): void;
  /** A line that stays. */
  log(text: string): void;
  /** Removes the bar. */
  stop(): void;
}

/**
 * A bar on stderr when that is a terminal, else nothing but the lines.
 *
 * @param totalBytes null when unknown (a pipe): then only the counts move
 */
export function createImportProgress(stderr: Output, totalBytes: number | null): ImportProgress {
  if (stderr.isTTY !== true) return { update: () => {}, log: (text) => stderr.write(`${text}\n`), stop: () => {} };
  const bars = new MultiBar({
    stream: stderr as unknown as NodeJS.WritableStream,
    format:
      totalBytes === null
        ? "{lines} lines, {rejected} rejected"
        : "[{bar}] {percentage}%  {lines} lines, {rejected} rejected",
    clearOnComplete: true,
    hideCursor: true,
    barsize: 30,
  });
  const bar = bars.create(Math.max(1, totalBytes ?? 1), 0, { lines: 0, rejected: 0 });
  return {
    update: (bytes, { lines, rejected }) => bar.update(totalBytes === null ? 0 : bytes, { lines, rejected }),
    log: (text) => bars.log(`${text}\n`),
    stop: () => bars.stop(),
  };
}

/** Passes bytes on and counts them. */
export async function* countBytes(
  input: AsyncIterable<Uint8Array> | Readable,
  count: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  for await (const chunk of input as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    count(bytes);
    yield chunk;
  }
}
