/** Everything that a command may touch of its surroundings. */
export interface Io {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Input extends AsyncIterable<Uint8Array> {
  readonly isTTY?: boolean;
}

export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}
