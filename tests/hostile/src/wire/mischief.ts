import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from "node:zlib";

/** At its best it takes a second for a megabyte. */
const brotli = (bytes: Buffer) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });

type Encoding = (body: Buffer) => { readonly bytes: Buffer; readonly header: string };
/** Ways to encode a body, with what the header says of it: not always the truth. */
export const encodings: readonly Encoding[] = [
  (bytes) => ({ bytes, header: "" }),
  (bytes) => ({ bytes: gzipSync(bytes), header: "content-encoding: gzip\r\n" }),
  (bytes) => ({ bytes: brotli(bytes), header: "Content-Encoding: BR\r\n" }),
  (bytes) => ({ bytes: deflateSync(bytes), header: "content-encoding: deflate\r\n" }),
  (bytes) => ({ bytes: deflateRawSync(bytes), header: "content-encoding: deflate\r\n" }),
  (bytes) => ({ bytes: gzipSync(bytes), header: "" }),
  (bytes) => ({ bytes, header: "content-encoding: gzip\r\n" }),
  (bytes) => ({
    bytes: gzipSync(brotli(bytes)),
    header: "content-encoding: br\r\ncontent-encoding: gzip\r\n",
  }),
];

interface Framed {
  readonly header: string;
  readonly bytes: Buffer;
}

type Framing = (bytes: Buffer) => Framed;
const lengthOf = (text: string | number) => `content-length: ${text}\r\n`;
/** Ways to say where a body ends: as HTTP has it … */
export const wholeFramings: readonly Framing[] = [
  (bytes) => ({ header: lengthOf(bytes.length), bytes }),
  (bytes) => ({ header: "transfer-encoding: chunked\r\n", bytes: chunked(bytes, "\r\n") }),
  (bytes) => ({
    header: "transfer-encoding: chunked\r\n",
    bytes: chunked(bytes, "x-trailer: 1\r\n\r\n"),
  }),
];
/** … and otherwise. */
export const brokenFramings: readonly Framing[] = [
  (bytes) => ({ header: lengthOf(Math.max(0, bytes.length - 5)), bytes }),
  (bytes) => ({ header: lengthOf(bytes.length + 10), bytes }),
  (bytes) => ({ header: lengthOf(-1), bytes }),
  (bytes) => ({ header: lengthOf("1e3"), bytes }),
  (bytes) => ({ header: lengthOf("99999999999999999999"), bytes }),
  (bytes) => ({ header: lengthOf(bytes.length) + lengthOf(bytes.length + 1), bytes }),
  (bytes) => ({
    header: `${lengthOf(3)}transfer-encoding: chunked\r\n`,
    bytes: chunked(bytes, "\r\n"),
  }),
  (bytes) => ({
    header: "transfer-encoding: chunked\r\n",
    bytes: Buffer.concat([Buffer.from("zz\r\n"), bytes]),
  }),
  (bytes) => ({
    header: "transfer-encoding: chunked\r\n",
    bytes: Buffer.concat([Buffer.from("fffffffff\r\n"), bytes]),
  }),
  (bytes) => ({ header: "transfer-encoding: chunked\r\n", bytes: chunked(bytes, "").subarray(0, -1) }),
  (bytes) => ({ header: "", bytes }),
];

function chunked(bytes: Buffer, end: string): Buffer {
  const half = bytes.subarray(0, Math.ceil(bytes.length / 2));
  const chunks = [half, bytes.subarray(half.length)].filter((chunk) => chunk.length > 0);
  const framed = chunks.flatMap((chunk) => [
    Buffer.from(`${chunk.length.toString(16)};ext=1\r\n`),
    chunk,
    Buffer.from("\r\n"),
  ]);
  return Buffer.concat([...framed, Buffer.from(`0\r\n${end}`)]);
}

const SECOND = '{"access_token":"of-the-second-answer","refresh_token":"of-the-second-answer-too"}';
const SECOND_ANSWER = `HTTP/1.1 200 OK\r\ncontent-length: ${SECOND.length}\r\n\r\n${SECOND}`;

/** What stands around an answer: before its head, in it, and behind its body. */
interface Noise {
  readonly before?: string;
  readonly header?: string;
  readonly after?: string;
  readonly version?: string;
}
/** What an answer comes through unharmed … */
export const harmlessNoises: readonly Noise[] = [
  {},
  { before: "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" },
  { header: "__proto__: polluted\r\nconstructor: polluted\r\ntoString: polluted\r\n__proto__: twice\r\n" },
  { header: "Set-Cookie: a=b\r\nSet-Cookie: c=d\r\nx-ascii-not: \u00e9\u00ff\r\n" },
  { header: "connection: close\r\n" },
  { header: "keep-alive: timeout=999999999\r\n" },
  { header: `x-long: ${"x".repeat(30_000)}\r\n` },
  { version: "HTTP/1.0" },
];
/** … and what may cost it. */
export const harmfulNoises: readonly Noise[] = [
  { before: "HTTP/1.1 100 Continue\r\n\r\n" },
  { before: "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n" },
  { before: "\u0000\u0000" },
  { before: "SSH-2.0-OpenSSH_9.2\r\n" },
  { header: `x-long: ${"x".repeat(70_000)}\r\n` },
  { header: "x-many: 1\r\n".repeat(10_000) },
  { header: "x-nul: a\u0000b\r\n" },
  { header: "x-folded: a\r\n b\r\n" },
  { header: "no colon here\r\n" },
  { header: "connection: upgrade\r\nupgrade: h2c\r\n" },
  { after: SECOND_ANSWER },
  { after: "garbage behind the end" },
  { version: "HTTP/2" },
  { version: "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1" },
];
