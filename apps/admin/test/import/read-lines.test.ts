import { expect, test } from "vitest";
import { LONGEST_LINE_BYTES, readLines } from "../../src/import/read-lines.ts";

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function read(content: string | Uint8Array, size = 7) {
  const lines = [];
  for await (const line of readLines(chunks(Buffer.from(content), size))) lines.push(line);
  return lines;
}

test("lines are the same however the bytes are cut, characters of many bytes included", async () => {
  const content = "erste Zeile: Käse\nzweite: 日本\nlast without an end";
  const expected = [
    { number: 1, text: "erste Zeile: Käse" },
    { number: 2, text: "zweite: 日本" },
    { number: 3, text: "last without an end" },
  ];
  for (const size of [1, 2, 3, 5, 8, 1_000]) expect(await read(content, size), `chunks of ${size}`).toEqual(expected);
});

test("blank lines are left out but counted, so that numbers are those of an editor", async () => {
  expect(await read("\n\none\n   \r\ntwo\r\n\n")).toEqual([
    { number: 3, text: "one" },
    { number: 5, text: "two" },
  ]);
});

test("a byte order mark is no part of the first line", async () => {
  expect(await read("\ufeff{}\n")).toEqual([{ number: 1, text: "{}" }]);
});

test("nothing holds no lines", async () => {
  expect(await read("")).toEqual([]);
  expect(await read("\n\n")).toEqual([]);
});

test("an overlong line is a fault of its own and not of the next one", async () => {
  const longest = "x".repeat(LONGEST_LINE_BYTES);
  const lines = await read(`${longest}\n${longest}x\nshort\n`, 10_000);
  expect(lines[0]).toEqual({ number: 1, text: longest });
  expect(lines.slice(1)).toEqual([
    { number: 2, fault: "longer than 256 KiB" },
    { number: 3, text: "short" },
  ]);
});

test("a line that is not UTF-8, such as PowerShell writes, is told from one that is not JSON", async () => {
  const utf16 = Buffer.from('\ufeff{"id":"a"}\n', "utf16le");
  expect((await read(utf16))[0]).toEqual({ number: 1, fault: "not UTF-8 text" });
});
