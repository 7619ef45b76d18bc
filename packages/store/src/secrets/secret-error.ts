/** A key or a ciphertext that cannot be used. Its text names keys, places and lengths, never a secret. */
export class SecretError extends Error {
  override readonly name = "SecretError";
}
