/**
 * A bytes value for a list parameter of a raw statement: pass a list of these as `::text[]` and turn
 * each into bytes by `decode(x, 'base64')`; null stays null.
 *
 * Prisma 7 takes the type of a whole list from its first element. When that is null, bytes behind it
 * arrive as the text of their base64 form and are stored so, without an error. Lists of text have no
 * such trap, and cost a fifth less than lists of bytes.
 */
export function toBase64(bytes: Uint8Array | null): string | null {
  if (bytes === null) return null;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
