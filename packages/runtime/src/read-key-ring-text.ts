import { readFile } from "node:fs/promises";
import { ConfigurationError } from "./user-error.ts";

/** `name:base64`, or base64 alone: the key itself was put where its file belongs. */
const KEY = /:[A-Za-z0-9+/_-]{20,}={0,2}$|[A-Za-z0-9+/_-]{40,}={1,2}|^[A-Za-z0-9+/_-]{43}$/m;

/**
 * The text of the key ring that the environment names, in a variable or in a file.
 *
 * @throws ConfigurationError when there is none or its file cannot be read; never with a part of it
 */
export async function readKeyRingText(env: {
  readonly EVERGRANT_KEY_RING?: string | undefined;
  readonly EVERGRANT_KEY_RING_FILE?: string | undefined;
}): Promise<string> {
  const { EVERGRANT_KEY_RING: text, EVERGRANT_KEY_RING_FILE: path } = env;
  if (text !== undefined) return text;
  if (path === undefined) {
    throw new ConfigurationError([
      "no key ring: set EVERGRANT_KEY_RING or EVERGRANT_KEY_RING_FILE to the one of the workers; make a first one with: evergrant key generate",
    ]);
  }
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    const place = KEY.test(path) ? "" : ` ${path.replaceAll(/[^\x20-\x7e]/g, "?")}`;
    throw new ConfigurationError([
      `cannot read the key ring${place} of EVERGRANT_KEY_RING_FILE (${code})${hint(place)}`,
    ]);
  }
}

function hint(place: string): string {
  return place === "" ? "; it looks like a key and not like a path: put it into EVERGRANT_KEY_RING" : "";
}
