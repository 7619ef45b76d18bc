import type { Progress } from "./run-campaign.ts";

const lineEveryMs = 30_000;

/** One line that is written over again on a terminal; elsewhere a line with each phase and now and then. */
export function showProgress(stream: NodeJS.WriteStream): {
  say(line: string): void;
  update(progress: Progress): void;
  end(): void;
} {
  const startedAt = Date.now();
  let phase = "";
  let toldAt = 0;
  return {
    say: (line) => void stream.write(`${line}\n`),
    update(progress) {
      const line = describe(progress, Date.now() - startedAt);
      if (stream.isTTY) stream.write(`\r\u001b[2K${line.slice(0, stream.columns - 1)}`);
      else if (progress.phase !== phase || Date.now() - toldAt > lineEveryMs) {
        stream.write(`${line}\n`);
        toldAt = Date.now();
      }
      phase = progress.phase;
    },
    end() {
      if (stream.isTTY) stream.write("\n");
    },
  };
}

function describe({ phase, done, kills, exposed, latest }: Progress, lastedMs: number): string {
  const time = new Date(lastedMs).toISOString().slice(11, 19);
  if (done === 0) return `${time}  ${phase}`;
  return `${time}  ${phase}: ${done} of ${kills} faults, ${exposed} grants exposed; ${latest}`;
}
