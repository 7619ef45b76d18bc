const NEWLINE = 0x0a;
/** A grant with two tokens of the largest accepted size takes a seventh of it. */
export const LONGEST_LINE_BYTES = 256 * 1024;

/** A line of input, or why it cannot be read. Numbers count from 1. */
export type InputLine =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly fault: string };

/**
 * Cuts a byte stream into lines, blank ones left out but counted. Holds one line at most, and of an
 * overlong one only the beginning, so memory stays bounded whatever comes in. A byte order mark and
 * carriage returns are dropped.
 *
 * @throws what the input throws
 */
export async function* readLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<InputLine, void> {
  let kept: Uint8Array[] = [];
  let bytes = 0;
  let number = 0;
  const keep = (part: Uint8Array) => {
    if (bytes <= LONGEST_LINE_BYTES) kept.push(part);
    bytes += part.length;
  };
  const end = (): InputLine | undefined => {
    number += 1;
    const line = bytes > LONGEST_LINE_BYTES ? { number, fault: TOO_LONG } : decode(Buffer.concat(kept), number);
    kept = [];
    bytes = 0;
    return "text" in line && line.text === "" ? undefined : line;
  };

  for await (const chunk of input) {
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      keep(chunk.subarray(from, to));
      from = to + 1;
      const line = end();
      if (line !== undefined) yield line;
    }
    if (from < chunk.length) keep(chunk.subarray(from));
  }
  const last = bytes > 0 ? end() : undefined;
  if (last !== undefined) yield last;
}

const TOO_LONG = `longer than ${LONGEST_LINE_BYTES / 1024} KiB`;
const utf8 = new TextDecoder("utf-8", { fatal: true });

function decode(bytes: Uint8Array, number: number): InputLine {
  try {
    return { number, text: utf8.decode(bytes).trim() };
  } catch {
    return { number, fault: "not UTF-8 text" };
  }
}
