import { gzipSync } from "node:zlib";
import type { ProviderDescriptor } from "@evergrant/core";
import fc from "fast-check";
import { body, saying } from "../answers/body.ts";
import { anyDescriptor } from "../answers/descriptors.ts";
import { issuedToken, token } from "../answers/secrets.ts";
import { brokenFramings, encodings, harmfulNoises, harmlessNoises, wholeFramings } from "./mischief.ts";

/** What a server does with one request. */
export interface WireScript {
  /** Bytes as characters. Written one after the other, each in a packet of its own where the system plays along. */
  readonly pieces: readonly string[];
  readonly ending: "keep" | "end" | "reset" | "hang";
}

export interface WireCase {
  readonly presented: { readonly refreshToken: string; readonly clientSecret: string | null };
  readonly descriptor: ProviderDescriptor;
  /** As it was before it was encoded and cut. */
  readonly body: string;
  /** Null unless the answer is whole and correct HTTP: then it must be understood. */
  readonly statusIfWhole: number | null;
  readonly script: WireScript;
}

const LONGEST_BODY_BYTES = 64 * 1024;
const LONGEST_ID = 1_000;
const BOMB = gzipSync(Buffer.alloc(20 * 1024 * 1024));

/** What is common keeps an answer whole. */
const oneOf = <Item>(common: readonly Item[], rare: readonly Item[]): fc.Arbitrary<{ item: Item; isCommon: boolean }> =>
  fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...common).map((item) => ({ item, isCommon: true })) },
    { weight: 1, arbitrary: fc.constantFrom(...rare).map((item) => ({ item, isCommon: false })) },
  );

/** Text to be encoded, or bytes that are said to be. */
const content = fc.oneof(
  { weight: 40, arbitrary: body.map((text) => ({ text, bytes: null as Buffer | null })) },
  { weight: 1, arbitrary: fc.constant({ text: () => "", bytes: BOMB }) },
  { weight: 1, arbitrary: fc.constant({ text: () => `{"access_token":"${"x".repeat(1_000_000)}"}`, bytes: null }) },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => ({ text: () => "", bytes: Buffer.from(bytes) })),
  },
);

const recipe = fc.record({
  secrets: fc.record({
    presented: token,
    clientSecret: fc.option(token, { nil: null, freq: 5 }),
    access: issuedToken,
    refresh: issuedToken,
  }),
  descriptor: anyDescriptor,
  status: fc.oneof(
    { weight: 3, arbitrary: fc.constant(200) },
    { weight: 2, arbitrary: fc.constantFrom(201, 302, 400, 401, 403, 404, 429, 500, 503, 999) },
  ),
  requestId: saying,
  content,
  encoding: fc.constantFrom(...encodings),
  framing: oneOf(wholeFramings, brokenFramings),
  noise: oneOf(harmlessNoises, harmfulNoises),
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }),
  // Hanging costs its time, so it is rare.
  ending: fc.oneof(
    { weight: 60, arbitrary: fc.constantFrom("keep" as const, "end" as const) },
    { weight: 10, arbitrary: fc.constant("reset" as const) },
    { weight: 1, arbitrary: fc.constant("hang" as const) },
  ),
});

/** fast-check shrinks it part by part, so a counterexample has as little wrong with it as it can. */
export const wireCase: fc.Arbitrary<WireCase> = recipe.map(
  ({ secrets, descriptor, status, framing, noise, ...rest }) => {
    const text = rest.content.text(secrets);
    const { bytes, header } =
      rest.content.bytes === null
        ? rest.encoding(Buffer.from(text))
        : { bytes: rest.content.bytes, header: "content-encoding: gzip\r\n" };
    const framed = framing.item(bytes);
    const { before = "", version = "HTTP/1.1", header: ownHeader = "", after = "" } = noise.item;
    const requestId = rest
      .requestId(secrets)
      .slice(0, LONGEST_ID)
      .replaceAll(/[^\x20-\x7e]/g, "?");
    const head = [
      `${before}${version} ${status} Whatever\r\n`,
      `x-request-id: ${requestId}\r\n`,
      `${ownHeader}${header}${framed.header}\r\n`,
    ].join("");
    const isSmall = Math.max(Buffer.byteLength(text), bytes.length) <= LONGEST_BODY_BYTES;
    const isTold = rest.content.bytes === null && rest.ending !== "reset";
    return {
      presented: { refreshToken: secrets.presented, clientSecret: secrets.clientSecret },
      descriptor,
      body: text,
      statusIfWhole: framing.isCommon && noise.isCommon && isSmall && isTold ? status : null,
      script: {
        pieces: cutAt(
          Buffer.concat([Buffer.from(head, "latin1"), framed.bytes, Buffer.from(after, "latin1")]),
          rest.cuts,
        ),
        ending: rest.ending,
      },
    };
  },
);

function cutAt(bytes: Buffer, shares: readonly number[]): string[] {
  const places = [0, ...shares.map((share) => Math.floor(share * bytes.length)).toSorted((one, other) => one - other)];
  return places
    .map((place, index) => bytes.subarray(place, places[index + 1]).toString("latin1"))
    .filter((piece) => piece !== "");
}
