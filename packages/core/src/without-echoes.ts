const REMOVED = "[removed]";
/** Nobody reads further; what stands behind is dropped unread. */
const LONGEST_TEXT = 2_000;
/** So many letters and digits in a row are shared by no accident. Of a shorter secret, nearly all of them. */
const SHARED_LETTERS = 16;
/** A stray `%` in front of a secret takes its first two letters for an escape. */
const SWALLOWED_LETTERS = 2;
/** Fewer letters and digits than this are in every text. */
const FEWEST_LETTERS = 8;

/** A secret in the forms that texts are compared with. */
export interface KnownSecret {
  /** As it would stand in a text of printable characters; one without letters in a form body as well. */
  readonly literals: readonly string[];
  /** Its letters and digits alone, in lower case: as it is, and with its own escapes undone. Too few are left out. */
  readonly cores: readonly string[];
}

export function knownSecret(secret: string): KnownSecret {
  const readings = READINGS.map((reading) => lettersOf(secret, reading));
  const cores = [...new Set(readings)].filter((core) => core.length >= FEWEST_LETTERS);
  const literals = cores.length > 0 ? [printable(secret)] : [printable(secret), percentEncoded(secret)];
  return { literals: literals.filter((literal) => literal.trim() !== ""), cores };
}

/**
 * A provider's text without what it repeats of the secrets: as they are or in part, in upper or lower
 * case, percent-encoded, escaped as in JSON, in base64 or in hex. Only printable ASCII remains. Pure, and
 * takes no more than linear time.
 */
export function withoutEchoes(text: string, secrets: readonly KnownSecret[]): string {
  let clean = printable(text.slice(0, LONGEST_TEXT));
  for (const literal of secrets.flatMap(({ literals }) => literals)) clean = clean.replaceAll(literal, REMOVED);
  const cores = secrets.flatMap((secret) => secret.cores);
  return cutOut(clean, [
    ...findEncoded(clean, cores),
    ...READINGS.flatMap((reading) => findPlain(clean, cores, reading)),
  ]);
}

interface Span {
  readonly from: number;
  readonly to: number;
}

interface Encoding {
  /** What may be a text of the encoding: the letters that carry bits, and those that may stand between them. */
  readonly run: RegExp;
  /** By the code of the letter; -1 for what carries none. */
  readonly values: Int8Array;
  readonly bitsOfLetter: number;
  /** After so many letters all begins anew: a run may start in the middle of a group. */
  readonly lettersOfGroup: number;
}

const ENCODINGS: readonly Encoding[] = [
  {
    run: /[0-9a-f][0-9a-f-]{15,}/gi,
    values: valuesOf("0123456789abcdef", "          ABCDEF"),
    bitsOfLetter: 4,
    lettersOfGroup: 2,
  },
  {
    run: /[a-z0-9+/_-]{12,}/gi,
    values: valuesOf("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", `${" ".repeat(62)}-_`),
    bitsOfLetter: 6,
    lettersOfGroup: 4,
  },
];

/** Runs of hex or base64 that hide a secret, whole. */
function findEncoded(text: string, cores: readonly string[]): Span[] {
  const isShared = (decoded: string) =>
    READINGS.some((reading) => sharedPlaces(lettersOf(decoded, reading), cores).length > 0);
  return ENCODINGS.flatMap((encoding) =>
    [...text.matchAll(encoding.run)]
      .filter(([run]) => decodingsOf(run, encoding).some(isShared))
      .map(({ 0: run, index }) => ({ from: index, to: index + run.length })),
  );
}

/** Secrets are printable; most ids that are decoded are not. */
function decodingsOf(run: string, encoding: Encoding): string[] {
  const decodings = Array.from({ length: encoding.lettersOfGroup }, (_, skipped) => decode(run, skipped, encoding));
  return decodings.filter((decoded) => /[\x20-\x7e]{6}/.test(decoded));
}

/** Bytes as characters. */
function decode(run: string, skipped: number, { values, bitsOfLetter }: Encoding): string {
  let held = 0;
  let bits = 0;
  let decoded = "";
  for (let at = skipped; at < run.length; at += 1) {
    const value = values[run.charCodeAt(at)] ?? -1;
    if (value < 0) continue;
    held = ((held << bitsOfLetter) | value) & 0xffff;
    bits += bitsOfLetter;
    if (bits < 8) continue;
    bits -= 8;
    decoded += String.fromCharCode((held >> bits) & 0xff);
  }
  return decoded;
}

function valuesOf(...alphabets: readonly string[]): Int8Array {
  const values = new Int8Array(128).fill(-1);
  for (const alphabet of alphabets) {
    for (const [value, letter] of [...alphabet].entries()) if (letter !== " ") values[letter.charCodeAt(0)] = value;
  }
  return values;
}

/** Where letters and digits that a secret has too stand in the text, whatever stands between them. */
function findPlain(text: string, cores: readonly string[], reading: Reading): Span[] {
  const shared = sharedPlaces(lettersOf(text, reading), cores);
  if (shared.length === 0) return [];
  const places = [...text.matchAll(reading)]
    .filter(([found]) => letterOf(found) !== "")
    .map(({ 0: found, index }) => ({ from: index, to: index + found.length }));
  return shared.flatMap(({ from, to }) => {
    const first = places[from];
    const last = places[to - 1];
    return first === undefined || last === undefined ? [] : [{ from: first.from, to: last.to }];
  });
}

/** Which stretches of the letters are also in one of the cores. */
function sharedPlaces(letters: string, cores: readonly string[]): Span[] {
  return cores.flatMap((core) => {
    const length = Math.min(core.length - SWALLOWED_LETTERS, SHARED_LETTERS);
    if (!mayShare(letters, core, length)) return [];
    return [...letters].flatMap((_, from) => {
      const to = from + length;
      return to <= letters.length && core.includes(letters.slice(from, to)) ? [{ from, to }] : [];
    });
  });
}

/** Any stretch of the length covers one whole piece of half of it. Most texts share none: here they end. */
function mayShare(letters: string, core: string, length: number): boolean {
  const half = Math.floor((length + 1) / 2);
  for (let from = 0; from + half <= letters.length; from += half) {
    if (core.includes(letters.slice(from, from + half))) return true;
  }
  return false;
}

function cutOut(text: string, spans: readonly Span[]): string {
  let clean = "";
  let done = 0;
  for (const { from, to } of spans.toSorted((one, other) => one.from - other.from)) {
    if (to <= done) continue;
    if (from > done || done === 0) clean += `${text.slice(done, from)}${REMOVED}`;
    done = to;
  }
  return clean + text.slice(done);
}

/** What may be a letter or a digit. */
type Reading = RegExp;

/** A text may be escaped or not, and a stray `%` or backslash looks like an escape. */
const READINGS: readonly Reading[] = [/[a-z0-9]/gi, /%[0-9a-f]{2}|\\u[0-9a-f]{4}|\\.|[a-z0-9]/gi];

/** Letters and digits alone, in lower case. */
function lettersOf(text: string, reading: Reading): string {
  const [plain] = READINGS;
  if (reading === plain || !/[%\\]/.test(text)) return text.replace(/[^a-z0-9]+/gi, "").toLowerCase();
  return (text.match(reading) ?? []).map(letterOf).join("");
}

/** `%41` and `\u0041` are a letter, `%20`, `\n` and their like are none. */
function letterOf(found: string): string {
  if (found.length === 1) return found.toLowerCase();
  const code = Number.parseInt(found.replace(/^%|^\\u/i, ""), 16);
  const letter = found.length === 2 || Number.isNaN(code) ? "" : String.fromCharCode(code).toLowerCase();
  return /^[a-z0-9]$/.test(letter) ? letter : "";
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, " ");
}

/** Half a surrogate pair cannot be encoded: no form body could carry one either. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, " "));
}
