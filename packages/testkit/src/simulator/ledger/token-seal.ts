import { hash, randomBytes } from "node:crypto";

/**
 * Makes and recognises token values without storing them: a value carries its grant, its number and a tag over both.
 * Any token ever issued is recognised, however many there were, and a value that was tampered with is not.
 */
export interface TokenSeal {
  /** Hex; kept in the state file so that tokens survive a restart. */
  readonly secret: string;
  seal(token: SealedToken): string;
  /** Returns null for anything that this seal did not make. */
  open(value: string): SealedToken | null;
}

export interface SealedToken {
  readonly type: "refresh" | "access";
  readonly grantNo: number;
  /** Generation of a refresh token, running number of an access token. */
  readonly number: number;
  /** Unix milliseconds; 0 for refresh tokens, whose lifetime is in the ledger. */
  readonly expiresAt: number;
}

const secretBytes = 16;
const fieldBytes = 15;
const tagBytes = 12;
const valueLength = ((fieldBytes + tagBytes) * 4) / 3;
const valuePattern = /^[\w-]+$/;

/** @param mark letters and digits at the beginning of every value, by which tokens can be found wherever they are */
export function createTokenSeal(secret: string = randomBytes(secretBytes).toString("hex"), mark = ""): TokenSeal {
  const input = Buffer.alloc(secretBytes + fieldBytes);
  input.write(secret, "hex");
  const fields = input.subarray(secretBytes);

  function tag(): Buffer {
    return hash("sha256", input, "buffer").subarray(0, tagBytes);
  }

  function seal(token: SealedToken): string {
    fields.writeUInt8(token.type === "refresh" ? 1 : 2, 0);
    fields.writeUInt32BE(token.grantNo, 1);
    fields.writeUInt32BE(token.number, 5);
    fields.writeUIntBE(token.expiresAt, 9, 6);
    return mark + Buffer.concat([fields, tag()]).toString("base64url");
  }

  function open(value: string): SealedToken | null {
    if (value.length !== mark.length + valueLength || !value.startsWith(mark) || !valuePattern.test(value)) return null;
    const bytes = Buffer.from(value.slice(mark.length), "base64url");
    bytes.copy(fields, 0, 0, fieldBytes);
    if (!tag().equals(bytes.subarray(fieldBytes))) return null;
    return {
      type: fields.readUInt8(0) === 1 ? "refresh" : "access",
      grantNo: fields.readUInt32BE(1),
      number: fields.readUInt32BE(5),
      expiresAt: fields.readUIntBE(9, 6),
    };
  }

  return { secret, seal, open };
}
