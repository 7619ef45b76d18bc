import { brotliDecompressSync, constants, gunzipSync, inflateRawSync, inflateSync } from "node:zlib";
import type { HttpAnswer } from "@evergrant/core";

/** Token answers are a few kilobytes; anything longer is no token answer, and must not fill the memory. */
export const LONGEST_BODY_BYTES = 64 * 1024;
/** RFC 9110 section 8.4 sets no limit; nobody wraps an answer more often. */
const MOST_ENCODINGS = 3;

type Body = Pick<HttpAnswer, "body" | "bodyFault">;

/**
 * The text of a body, or of as much of it as arrived. It was asked for as it is (`Accept-Encoding:
 * identity`); a gateway that compresses all the same, or says so and does not, must not cost a rotated
 * token. So the usual encodings are undone, within the same bound, and what is JSON already is taken as
 * it is, whatever its header says. A byte order mark is dropped: JSON.parse would stumble over it.
 */
export function readBody(bytes: Buffer, contentEncoding: string | undefined): Body {
  try {
    return { body: textOf(decompressAll(bytes, encodingsOf(bytes, contentEncoding))), bodyFault: null };
  } catch (error) {
    const isTooLarge = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
    return { body: null, bodyFault: isTooLarge ? "body_too_large" : "body_undecodable" };
  }
}

/** As they were applied. Gzip shows itself by its first bytes (RFC 1952 section 2.3.1), with a header or without. */
function encodingsOf(bytes: Buffer, contentEncoding = ""): string[] {
  const named = contentEncoding
    .toLowerCase()
    .split(",")
    .map((name) => name.trim());
  const encodings = named.filter((name) => name !== "" && name !== "identity");
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return encodings.length === 0 && isGzip ? ["gzip"] : encodings.slice(-MOST_ENCODINGS);
}

/** The one applied last is undone first. */
function decompressAll(bytes: Buffer, encodings: readonly string[]): Buffer {
  return encodings.reduceRight((rest, encoding) => (isJson(rest) ? rest : decompress(rest, encoding)), bytes);
}

/** What broke off is read as far as it goes: JSON says itself where it ends. */
function decompress(bytes: Buffer, encoding: string): Buffer {
  const bound = { maxOutputLength: LONGEST_BODY_BYTES, finishFlush: constants.Z_SYNC_FLUSH };
  switch (encoding) {
    case "gzip":
    case "x-gzip":
      return gunzipSync(bytes, bound);
    case "deflate":
      // RFC 9110 section 8.4.1.2: some send it without the zlib wrapper, whose first four bits are 8.
      return ((bytes[0] ?? 0) & 0x0f) === 8 ? inflateSync(bytes, bound) : inflateRawSync(bytes, bound);
    case "br":
      return brotliDecompressSync(bytes, { ...bound, finishFlush: constants.BROTLI_OPERATION_FLUSH });
    default:
      // A name we do not know: what arrived shows whether it can be read.
      return bytes;
  }
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(textOf(bytes));
    return true;
  } catch {
    return false;
  }
}

function textOf(bytes: Buffer): string {
  return new TextDecoder().decode(bytes);
}
