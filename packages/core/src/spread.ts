/**
 * A stable number in [0, 1) for a key: the same key always lands at the same place, different keys
 * are spread evenly (FNV-1a, 32 bit, with a final mix so that ids that differ in one digit part).
 */
export function spread(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
