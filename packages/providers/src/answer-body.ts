import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";
import type { HttpAnswer } from "@evergrant/core";

/** Token answers are a few kilobytes; anything longer is no token answer, and must not fill the memory. */
export const LONGEST_BODY_BYTES = 64 * 1024;

type Body = Pick<HttpAnswer, "body" | "bodyFault">;

/**
 * The text of a whole body. It was asked for as it is (`Accept-Encoding: identity`); a gateway that
 * compresses all the same must not cost a rotated token, so the usual encodings are undone, within the
 * same bound. A byte order mark is dropped: JSON.parse would stumble over it.
 */
export function readBody(bytes: Buffer, contentEncoding: string | undefined): Body {
  try {
    return {
      body: new TextDecoder().decode(decompress(bytes, contentEncoding?.trim().toLowerCase())),
      bodyFault: null,
    };
  } catch (error) {
    const isTooLarge = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
    return { body: null, bodyFault: isTooLarge ? "body_too_large" : "body_undecodable" };
  }
}

function decompress(bytes: Buffer, encoding: string | undefined): Buffer {
  const bound = { maxOutputLength: LONGEST_BODY_BYTES };
  switch (encoding) {
    case "gzip":
    case "x-gzip":
      return gunzipSync(bytes, bound);
    case "deflate":
      return inflateSync(bytes, bound);
    case "br":
      return brotliDecompressSync(bytes, bound);
    default:
      // Identity, or a name we do not know: what arrived shows whether it can be read.
      return bytes;
  }
}
