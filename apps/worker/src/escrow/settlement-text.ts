import type { Settlement } from "@evergrant/store";

/** A settlement that waited, with when it was put aside (epoch ms, by the clock that its times are of). */
export interface WaitingSettlement {
  readonly settlement: Settlement;
  readonly putAt: number;
}

/** Text of a settlement for the escrow. Whatever writes it is sealed, so whatever is read back was written here. */
export function settlementToText({ settlement, putAt }: WaitingSettlement): string {
  const { tokens, ...rest } = settlement;
  const stored: Stored = {
    format: 1,
    putAt,
    settlement: rest,
    tokens:
      tokens === null
        ? null
        : {
            refreshToken: encode(tokens.refreshToken),
            accessToken: tokens.accessToken === null ? null : encode(tokens.accessToken),
            fingerprint: encode(tokens.fingerprint),
            secretId: tokens.secretId?.toString() ?? null,
          },
  };
  return JSON.stringify(stored);
}

/** @throws Error when the text is of a format that this version does not know */
export function textToSettlement(text: string): WaitingSettlement {
  const { format, putAt, settlement, tokens } = JSON.parse(text) as Stored;
  if (format !== 1) throw new Error(`The escrow holds a settlement of format ${String(format)}, which is not known.`);
  return {
    putAt,
    settlement: {
      ...settlement,
      tokens:
        tokens === null
          ? null
          : {
              refreshToken: decode(tokens.refreshToken),
              accessToken: tokens.accessToken === null ? null : decode(tokens.accessToken),
              fingerprint: decode(tokens.fingerprint),
              secretId: tokens.secretId === null ? null : BigInt(tokens.secretId),
            },
    },
  };
}

interface Stored {
  readonly format: 1;
  readonly putAt: number;
  readonly settlement: Omit<Settlement, "tokens">;
  readonly tokens: {
    readonly refreshToken: string;
    readonly accessToken: string | null;
    readonly fingerprint: string;
    readonly secretId: string | null;
  } | null;
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function decode(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}
