/** A descriptor that cannot be used. The message is one line: where it came from, the field, the fault. */
export class DescriptorError extends Error {
  override readonly name = "DescriptorError";
  /** One entry a fault, each beginning with its field. */
  readonly faults: readonly string[];

  constructor(source: string, faults: readonly string[]) {
    super(`${source}: ${faults.join("; ")}`);
    this.faults = faults;
  }
}
