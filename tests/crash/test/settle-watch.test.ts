import type { Passage } from "@evergrant/testkit";
import { expect, test } from "vitest";
import { watchSettles } from "../src/faults/settle-watch.ts";

const message = (type: string, body: string) => {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(4 + Buffer.byteLength(body), 1);
  return Buffer.concat([head, Buffer.from(body)]);
};
const row = (id: string, token: string | null) => ({
  connection_id: id,
  app_id: "a",
  refresh_token: token,
  events: [{}],
});
const bind = (...rows: readonly object[]) => message("B", `\0settle\0${JSON.stringify(rows)}`);
const piece = (from: Passage["from"], data: Buffer, connection = 1): Passage => ({
  from,
  data,
  connection,
  greeting: data,
});
const ready = (status: string) => message("Z", status);

test("tells the connections whose new token is committed, once the server is ready again", () => {
  const settles = watchSettles();
  settles.see(piece("client", bind(row("kept", "dG9rZW4="), row("refused", null))));
  settles.see(piece("server", Buffer.concat([message("2", ""), message("C", "SELECT 1\0")])));
  expect([settles.isSettling(1), settles.isSettling(2), settles.written.size]).toEqual([true, false, 0]);
  settles.see(piece("server", ready("I")));
  expect([...settles.written]).toEqual(["kept"]);
});

test("reads what comes in pieces, on several connections at once", () => {
  const settles = watchSettles();
  const sent = bind(row("one", "dA=="));
  settles.see(piece("client", sent.subarray(0, 40), 3));
  settles.see(piece("client", bind(row("two", "dA==")), 4));
  settles.see(piece("client", sent.subarray(40), 3));
  const answer = Buffer.concat([message("2", ""), ready("I")]);
  settles.see(piece("server", answer.subarray(0, 7), 3));
  expect(settles.written.size).toBe(0);
  settles.see(piece("server", answer.subarray(7), 3));
  expect([...settles.written]).toEqual(["one"]);
});

test.each([
  ["was refused", Buffer.concat([message("E", "SFATAL"), ready("I")])],
  ["is part of a transaction", Buffer.concat([message("2", ""), ready("T")])],
])("does not take for committed what %s", (_, answer) => {
  const settles = watchSettles();
  settles.see(piece("client", bind(row("one", "dA=="))));
  settles.see(piece("server", answer));
  expect(settles.written.size).toBe(0);
});
