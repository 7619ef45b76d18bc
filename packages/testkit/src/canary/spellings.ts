/** Shorter ones would be found by accident. */
const SHORTEST = 8;

/**
 * The ways in which a secret may stand in a text without looking like itself, by name: as it is,
 * percent-encoded, form-encoded, in base64 at each of the three places that it may have in a group (as in
 * the credentials of an `Authorization` header), in base64url, in hex, and escaped as in JSON. Upper and
 * lower case are for the one who compares.
 */
export function spellingsOf(secret: string): ReadonlyMap<string, string> {
  const bytes = Buffer.from(secret, "utf8");
  const wellFormed = bytes.toString("utf8");
  const spellings: [string, string][] = [
    ["as it is", secret],
    ["percent-encoded", encodeURIComponent(wellFormed)],
    ["form-encoded", new URLSearchParams([["", wellFormed]]).toString().slice(1)],
    ["escaped as in JSON", JSON.stringify(secret).slice(1, -1)],
    ["escaped twice", JSON.stringify(JSON.stringify(secret).slice(1, -1)).slice(1, -1)],
    ["hex", bytes.toString("hex")],
  ];
  for (const skipped of [0, 1, 2]) {
    // Whole groups only: the letters at the edges depend on what stands beside the secret.
    const groups = bytes.subarray(skipped, bytes.length - ((bytes.length - skipped) % 3));
    spellings.push([`base64, ${skipped} bytes in`, groups.toString("base64")]);
    spellings.push([`base64url, ${skipped} bytes in`, groups.toString("base64url")]);
  }
  return distinct(spellings.filter(([, text]) => text.length >= SHORTEST));
}

/** The first name of each text. */
function distinct(spellings: readonly (readonly [string, string])[]): Map<string, string> {
  const texts = new Set<string>();
  return new Map(spellings.filter(([, text]) => !texts.has(text) && texts.add(text)));
}
