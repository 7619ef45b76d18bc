import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { runNodeProcess, startNodeProcess } from "../../src/processes/index.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "evergrant-process-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function program(source: string, name = "program") {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, source);
  return { name, file, env: { GIVEN: "yes" } };
}

test("a line that is waited for is found, also when it was written before; all of them go to the log", async () => {
  const logFile = join(folder, "program.log");
  const running = startNodeProcess({
    ...program(`console.log("up at 7"); console.error(process.env.GIVEN, Object.keys(process.env).length);
      setInterval(() => {}, 1000); process.on("SIGTERM", () => process.exit(3));`),
    logFile,
  });
  expect((await running.awaitLine(/up at (\d)/))[1]).toBe("7");
  await running.awaitLine(/yes 1/);
  expect((await running.awaitLine(/up/))[0]).toBe("up");
  await expect(running.awaitLine(/never/, 20)).rejects.toThrow(/did not write \/never\/ within 20 ms:\nup at 7/);
  expect(await running.stop()).toBe(3);
  await vi.waitFor(() => expect(readFileSync(logFile, "utf8").trim().split("\n").sort()).toEqual(["up at 7", "yes 1"]));
});

test("one that ends before it says what is waited for is told at once, with its last words", async () => {
  const running = startNodeProcess(program(`console.error("no database"); process.exit(2);`));
  await expect(running.awaitLine(/up/)).rejects.toThrow("program ended with 2:\nno database");
  await expect(running.awaitLine(/up/)).rejects.toThrow("program ended with 2");
  expect([running.isRunning(), await running.stop()]).toEqual([false, 2]);
});

test.runIf(process.platform === "linux")(
  "a frozen one does nothing until it is thawed, and can be killed",
  async () => {
    const running = startNodeProcess(program(`let n = 0; setInterval(() => console.log("tick", n++), 10);`));
    await running.awaitLine(/tick 3/);
    running.freeze();
    await vi.waitFor(() => expect(readFileSync(`/proc/${running.pid}/stat`, "utf8").split(" ")[2]).toBe("T"));
    running.thaw();
    await running.awaitLine(new RegExp(`tick ${Number(running.lines.at(-1)?.split(" ")[1]) + 3}`));
    running.freeze();
    await running.kill();
    expect([running.isRunning(), await running.ended]).toEqual([false, null]);
  },
);

test("one that runs to its end gets its input, and its output comes apart", async () => {
  const answer = await runNodeProcess({
    ...program(`for await (const text of process.stdin) process.stdout.write(String(text).toUpperCase());
      console.error("done"); process.exitCode = 4;`),
    input: "hello\n",
  });
  expect(answer).toMatchObject({ code: 4, stdout: "HELLO\n", stderr: "done" });
});
