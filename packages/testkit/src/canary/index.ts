export { type Canary, makeCanary } from "./canary.ts";
export { type CanarySearch, findCanaries, type PlacesToSearch, type Sighting } from "./find-canaries.ts";
export type { PageToRead } from "./read-page.ts";
export type { ProcessToRead } from "./read-process.ts";
export { spellingsOf } from "./spellings.ts";
