import type { ConnectionToImport, ImportResult } from "@evergrant/store";
import { parseLine } from "./parse-line.ts";
import type { InputLine } from "./read-lines.ts";

/** One statement's worth: large enough to be fast, small enough to hold in memory. */
const BATCH_LINES = 1_000;
const BATCH_CHARACTERS = 8 * 1024 * 1024;

/** What became of one line. */
export type LineResult =
  | {
      readonly line: number;
      readonly id: string;
      readonly result: "imported" | "reconnected" | "replaced" | "unchanged";
    }
  | { readonly line: number; readonly id: string | null; readonly result: "rejected"; readonly reason: string };

/**
 * Takes lines as they come, stores the good ones batch by batch and yields what became of each, in
 * order, a batch at a time. Never holds more than a batch.
 *
 * @param store stores a batch and returns one result per connection, in order
 * @throws what the input or `store` throws; the batches yielded before stay stored
 */
export async function* importLines(
  lines: AsyncIterable<InputLine>,
  store: (batch: readonly ConnectionToImport[]) => Promise<readonly ImportResult[]>,
): AsyncGenerator<LineResult[], void> {
  let batch: CheckedLine[] = [];
  let characters = 0;
  for await (const line of lines) {
    batch.push(checkLine(line));
    characters += "text" in line ? line.text.length : 0;
    if (batch.length < BATCH_LINES && characters < BATCH_CHARACTERS) continue;
    yield await storeBatch(batch, store);
    batch = [];
    characters = 0;
  }
  if (batch.length > 0) yield await storeBatch(batch, store);
}

type CheckedLine =
  | { readonly line: number; readonly connection: ConnectionToImport }
  | { readonly line: number; readonly id: string | null; readonly reason: string };

function checkLine(line: InputLine): CheckedLine {
  if ("fault" in line) return { line: line.number, id: null, reason: line.fault };
  return { line: line.number, ...parseLine(line.text) };
}

async function storeBatch(
  batch: readonly CheckedLine[],
  store: (batch: readonly ConnectionToImport[]) => Promise<readonly ImportResult[]>,
): Promise<LineResult[]> {
  const good = batch.flatMap((checked) => ("connection" in checked ? [checked.connection] : []));
  const results = (await store(good)).values();
  return batch.map((checked): LineResult => {
    if (!("connection" in checked)) return { ...checked, result: "rejected" };
    const { value } = results.next();
    if (value === undefined) throw new Error("The store returned fewer results than connections.");
    return { line: checked.line, ...value };
  });
}
