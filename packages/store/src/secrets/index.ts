export { generateKey, type KeyRing, parseKeyRing, type RingKey } from "./key-ring.ts";
export { openVault, rewrapDataKeys } from "./open-vault.ts";
export { SecretError } from "./secret-error.ts";
export type { ClientSecretPlace, TokenPlace, TokenVault } from "./token-vault.ts";
