import type { Canary } from "./canary.ts";
import { readDatabase } from "./read-database.ts";
import { type PageToRead, readPage } from "./read-page.ts";
import { type ProcessToRead, readProcess } from "./read-process.ts";
import { readRedis } from "./read-redis.ts";
import { spellingsOf } from "./spellings.ts";

/** Where to look. What is left out is not looked at. */
export interface PlacesToSearch {
  /** Whatever was collected, by where it came from: standard output, log files, what a command printed. */
  readonly texts?: Readonly<Record<string, string | readonly string[]>>;
  /** Metrics, status and health pages, their headers included. */
  readonly pages?: readonly PageToRead[];
  /** Every key and every value of these servers' databases. */
  readonly redisUrls?: readonly string[];
  /** Every column of every row, ciphertexts too, and the statements that sessions run at this moment. */
  readonly databaseUrls?: readonly string[];
  /** Arguments and environment. */
  readonly processes?: readonly ProcessToRead[];
}

/** A canary where none may be. Holds no part of the secret. */
export interface Sighting {
  readonly canary: string;
  readonly place: string;
  readonly spelling: string;
}

/** What was found, and how much was looked at: a search that read nothing proves nothing. */
export interface CanarySearch {
  readonly sightings: readonly Sighting[];
  /** Pieces read and their bytes, by kind of place. */
  readonly read: Readonly<Record<keyof PlacesToSearch, { readonly pieces: number; readonly bytes: number }>>;
}

/** A piece of content and where it stands. */
export interface Piece {
  readonly place: string;
  readonly content: string | Uint8Array;
  /** Names of the canaries that may be there. */
  readonly allowed?: readonly string[];
}

/**
 * Looks for canaries in all places given, in every spelling, upper and lower case alike. Each canary is
 * reported once for each place, however often it stands there.
 *
 * @throws when a place cannot be read: what was not looked at is not clean
 */
export async function findCanaries(canaries: readonly Canary[], places: PlacesToSearch): Promise<CanarySearch> {
  const needles = canaries.flatMap(needlesOf);
  const sightings = new Map<string, Sighting>();
  const read = {
    texts: nothing(),
    pages: nothing(),
    redisUrls: nothing(),
    databaseUrls: nothing(),
    processes: nothing(),
  };
  for (const kind of Object.keys(read) as (keyof PlacesToSearch)[]) {
    for await (const piece of readPieces(kind, places)) {
      read[kind].pieces += 1;
      read[kind].bytes += piece.content.length;
      for (const sighting of searchPiece(piece, needles))
        sightings.set(`${sighting.canary} ${sighting.place}`, sighting);
    }
  }
  return { sightings: [...sightings.values()], read };
}

const nothing = () => ({ pieces: 0, bytes: 0 });

async function* readPieces(kind: keyof PlacesToSearch, places: PlacesToSearch): AsyncGenerator<Piece, void> {
  switch (kind) {
    case "texts":
      for (const [place, text] of Object.entries(places.texts ?? {}))
        yield { place, content: [text].flat().join("\n") };
      return;
    case "pages":
      for (const page of places.pages ?? []) yield readPage(page);
      return;
    case "redisUrls":
      for (const url of places.redisUrls ?? []) yield* readRedis(url);
      return;
    case "databaseUrls":
      for (const url of places.databaseUrls ?? []) yield* readDatabase(url);
      return;
    case "processes":
      for (const process of places.processes ?? []) yield* readProcess(process);
      return;
  }
}

interface Needle {
  readonly canary: string;
  readonly spelling: string;
  /** In lower case, one character a byte. */
  readonly text: string;
}

function needlesOf({ name, secret }: Canary): Needle[] {
  const spellings = [...spellingsOf(secret)];
  if (spellings.length === 0) throw new Error(`The canary "${name}" is too short to be told from other text.`);
  return spellings.map(([spelling, text]) => ({ canary: name, spelling, text: foldCase(text) }));
}

function searchPiece({ place, content, allowed = [] }: Piece, needles: readonly Needle[]): Sighting[] {
  const text = foldCase(content);
  return needles
    .filter((needle) => !allowed.includes(needle.canary) && text.includes(needle.text))
    .map(({ canary, spelling }) => ({ canary, place, spelling }));
}

function foldCase(content: string | Uint8Array): string {
  const bytes = typeof content === "string" ? Buffer.from(content, "utf8") : Buffer.from(content);
  return bytes.toString("latin1").toLowerCase();
}
