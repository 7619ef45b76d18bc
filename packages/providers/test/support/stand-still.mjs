// Sends two requests over one connection, the second of which waits a second for its turn, and then stands
// still for longer than that. Prints what came of the second.
import process from "node:process";
import { Agent } from "undici";
import { exchange } from "../../dist/exchange.js";

const [origin, standStillMs] = process.argv.slice(2);
const agent = new Agent({ connections: 1, pipelining: 1 });
const send = (body, sendWithinMs) =>
  exchange(agent, { origin, path: "/token", headers: {}, body }, { sendWithinMs, answerTimeoutMs: 10_000 });
const both = Promise.all([send("first", 10_000), send("late", 1_000)]);
setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(standStillMs)), 300);
const [, late] = await both;
process.stdout.write(JSON.stringify(late));
await agent.close();
