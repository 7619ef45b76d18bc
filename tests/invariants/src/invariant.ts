/** One of the ten promises of the design, and what keeps it. */
export interface Invariant {
  readonly number: number;
  readonly promise: string;
  /** What it protects from, and how it is kept: one short paragraph for the page. */
  readonly why: string;
  readonly guards: readonly Guard[];
  /** Pieces of code that look like guards and are none: without them the promise still holds. */
  readonly notNeeded?: readonly NotNeeded[];
}

/** A piece of production code without which a promise would be broken. */
export interface Guard {
  /** What it does, as a sentence without its full stop. */
  readonly does: string;
  /** From the root of the project. */
  readonly file: string;
  /** The test that fails when it is taken away. */
  readonly test: TestName;
  readonly mutants: readonly Mutant[];
}

export interface TestName {
  /** From the root of the project. */
  readonly file: string;
  /** A part of its full name (suites and title, joined by blanks) by which it is found. */
  readonly name: string;
  /** Where its text stands, if that is a file of scenarios which `file` runs. */
  readonly writtenIn?: string;
}

/** One way to take a guard away, or to weaken it. */
export interface Mutant {
  /** Unique: what `--only` is given. */
  readonly name: string;
  /** Stands in the guard's file exactly once. */
  readonly find: string;
  /** Empty where the code is taken out. */
  readonly replace: string;
  /** What goes wrong without it: the end of a sentence, without its full stop. */
  readonly means: string;
  /** Where it is not the guard's. */
  readonly test?: TestName;
  /** Part of the failure, where no assertion can be reached because something else goes wrong before. */
  readonly failsWith?: string;
  /** Rooms to be compiled first, for a test that runs their processes. */
  readonly build?: readonly string[];
}

/** A change that must not make its test fail. */
export interface NotNeeded {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Why the promise does not rest on it, as a sentence without its full stop. */
  readonly because: string;
  readonly test: TestName;
}
