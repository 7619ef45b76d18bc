import { expect, test } from "vitest";
import { quietRepeats } from "../src/quiet-repeats.ts";

function heard() {
  const messages: string[] = [];
  let nowMs = 0;
  const report = quietRepeats(
    (error) => messages.push(error.message),
    () => nowMs,
  );
  return { messages, report, pass: (ms: number) => (nowMs += ms) };
}

test("the same complaint is heard once in 10 s, however many objects make it", () => {
  const { messages, report, pass } = heard();
  for (let second = 0; second < 25; second += 1) {
    report(new Error("connection refused"));
    report(new Error("connection refused"));
    pass(1_000);
  }
  expect(messages).toHaveLength(3);
});

test("another complaint is heard at once: another text, code or kind", () => {
  const { messages, report } = heard();
  report(new Error("a"));
  report(new Error("b"));
  report(Object.assign(new Error("a"), { code: "ECONNREFUSED" }));
  report(new TypeError("a"));
  expect(messages).toEqual(["a", "b", "a", "a"]);
});

test("complaints that are all different do not fill the memory, and none is swallowed", () => {
  const { messages, report } = heard();
  for (let count = 0; count < 10_000; count += 1) report(new Error(`number ${count}`));
  expect(messages).toHaveLength(10_000);
});
