import { randomBytes } from "node:crypto";
import { type Canary, makeCanary } from "@evergrant/testkit";

/** One for each kind of secret of the fleet. Every token, client secret and key of a campaign holds its canary. */
export interface Canaries {
  readonly tokens: Canary;
  readonly clientSecrets: Canary;
  /** 32 bytes: a key. */
  readonly keyRing: Canary;
}

export function plantCanaries(): Canaries {
  return {
    tokens: makeCanary("tokens", "ct-"),
    clientSecrets: makeCanary("client secrets", "cc-"),
    keyRing: makeCanary("the key ring", "canary-k"),
  };
}

export function keyRingOf({ keyRing }: Canaries): string {
  return `k1:${Buffer.from(keyRing.secret).toString("base64")}`;
}

export function newClientSecret({ clientSecrets }: Canaries): string {
  return `${clientSecrets.secret}${randomBytes(8).toString("hex")}`;
}
