import { createPublicKey, generateKeyPairSync, type JsonWebKey, randomUUID, sign } from "node:crypto";

/** The provider's RS256 key. Made at first need, since most runs never verify a signature. */
export interface SigningKey {
  readonly keyId: string;
  /** A JWT with a true RS256 signature. */
  signJwt(claims: object): string;
  /** A JWT of the same shape and length whose signature is filler. */
  shapeJwt(claims: object): string;
  jwks(): { keys: JsonWebKey[] };
}

/** A 2048-bit RSA signature is 256 bytes. */
const fillerSignature = Buffer.alloc(256, "unsigned").toString("base64url");

export function createSigningKey(): SigningKey {
  const keyId = randomUUID();
  const header = encodePart({ alg: "RS256", kid: keyId, typ: "JWT" });
  let made: ReturnType<typeof makePair> | undefined;
  const pair = () => {
    made ??= makePair();
    return made;
  };

  return {
    keyId,
    signJwt(claims) {
      const content = `${header}.${encodePart(claims)}`;
      return `${content}.${sign("RSA-SHA256", Buffer.from(content), pair().privateKey).toString("base64url")}`;
    },
    shapeJwt: (claims) => `${header}.${encodePart(claims)}.${fillerSignature}`,
    jwks: () => ({
      keys: [{ ...pair().publicKey.export({ format: "jwk" }), kid: keyId, use: "sig", alg: "RS256" }],
    }),
  };
}

function makePair() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

function encodePart(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
