import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, relative } from "node:path";
import dockerignore from "@balena/dockerignore";
import { type Copy, DockerfileParser, type From, type Instruction } from "dockerfile-ast";

/** What a Dockerfile makes, as folders of this machine: no engine, no base image, the programs of the machine instead. */
export interface BuiltImage {
  readonly env: Readonly<Record<string, string>>;
  /** As written after USER. */
  readonly user: string;
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
  /** Where a path of the image lies on this machine; a relative one begins in the working directory. */
  path(imagePath: string): string;
}

/** One FROM and what follows it. `root` is its file system. */
interface Stage {
  readonly root: string;
  readonly env: Record<string, string>;
  workdir: string;
  user: string;
  command: string[];
  healthcheck: string[];
}

/**
 * Carries out the Dockerfile of `context`, instruction by instruction, under the folder `into`: each
 * RUN as it is written, each COPY from the context with what .dockerignore leaves of it.
 *
 * @param buildEnv given to each RUN besides PATH and HOME, as a builder would bring caches along
 * @throws Error at an instruction that it does not know, or with the output of a RUN that fails
 */
export function buildImage(options: { context: string; into: string; buildEnv?: Record<string, string> }): BuiltImage {
  const stages = new Map<string, Stage>();
  let stage: Stage | undefined;
  for (const instruction of DockerfileParser.parse(
    readFileSync(join(options.context, "Dockerfile"), "utf8"),
  ).getInstructions()) {
    if (instruction.getKeyword() === "FROM") {
      const name = (instruction as From).getBuildStage() ?? `${stages.size}`;
      stage = { root: join(options.into, name), env: {}, workdir: "/", user: "root", command: [], healthcheck: [] };
      mkdirSync(stage.root, { recursive: true });
      stages.set(name, stage);
    } else if (stage !== undefined) {
      carryOut(instruction, stage, stages, options);
    }
  }
  if (stage === undefined) throw new Error("The Dockerfile has no FROM.");
  const { env, user, command, healthcheck } = stage;
  return { env, user, command, healthcheck, path: (imagePath) => onThisMachine(stage, imagePath) };
}

function carryOut(
  instruction: Instruction,
  stage: Stage,
  stages: ReadonlyMap<string, Stage>,
  { context, buildEnv = {} }: Parameters<typeof buildImage>[0],
): void {
  const text = instruction.getArgumentsContent() ?? "";
  switch (instruction.getKeyword()) {
    case "WORKDIR":
      stage.workdir = text;
      mkdirSync(onThisMachine(stage, "."), { recursive: true });
      return;
    case "ENV":
      for (const argument of instruction.getArguments()) setVariable(stage, argument.getValue());
      return;
    case "COPY":
      copy(instruction as Copy, stage, stages, context);
      return;
    case "RUN":
      run(["/bin/sh", "-c", text], stage, buildEnv);
      return;
    case "USER":
      stage.user = text;
      return;
    case "CMD":
      stage.command = words(text, stage);
      return;
    case "HEALTHCHECK":
      stage.healthcheck = words(text.replace(/^CMD /, ""), stage);
      return;
    case "EXPOSE":
      return;
    default:
      throw new Error(`This build knows no ${instruction.getKeyword()}.`);
  }
}

function onThisMachine(stage: Stage, imagePath: string): string {
  return imagePath.startsWith("/") ? join(stage.root, imagePath) : join(stage.root, stage.workdir, imagePath);
}

/** `NAME=value`; in PATH a folder of the image becomes the one of this machine, and $PATH what this machine has. */
function setVariable(stage: Stage, assignment: string): void {
  const [name = "", ...rest] = assignment.split("=");
  const value = rest.join("=");
  stage.env[name] =
    name === "PATH"
      ? value.replace("$PATH", systemPath()).replaceAll("/app/", `${onThisMachine(stage, "/app")}/`)
      : value;
}

function copy(instruction: Copy, stage: Stage, stages: ReadonlyMap<string, Stage>, context: string): void {
  const places = instruction.getArguments().map((argument) => argument.getValue());
  const to = onThisMachine(stage, places.pop() ?? ".");
  const from = instruction
    .getFlags()
    .find((flag) => flag.getName() === "from")
    ?.getValue();
  if (from != null) {
    const source = stages.get(from);
    if (source === undefined) throw new Error(`There is no stage ${from}.`);
    // cp keeps links as they are, as an engine does.
    for (const place of places)
      check("cp", spawnSync("cp", ["-a", `${onThisMachine(source, place)}/.`, to], { encoding: "utf8" }));
    return;
  }
  const isSent = contextFilter(context);
  for (const place of places) {
    const source = join(context, place);
    cpSync(source, place === "." ? to : join(to, place), { recursive: true, filter: isSent });
  }
}

/** What the .dockerignore of a folder lets through, by path. A folder is entered if anything below it is let through. */
export function contextFilter(context: string): (path: string) => boolean {
  const text = readFileSync(join(context, ".dockerignore"), "utf8");
  const rules = dockerignore.default().add(text);
  const exceptions = text.split("\n").flatMap((line) => (line.startsWith("!") ? [line.slice(1)] : []));
  return (path) => {
    const place = relative(context, path);
    return place === "" || !rules.ignores(place) || exceptions.some((exception) => exception.startsWith(`${place}/`));
  };
}

function run(command: readonly string[], stage: Stage, buildEnv: Record<string, string>): void {
  const [file = "", ...args] = command;
  const env = { PATH: systemPath(), HOME: homedir(), ...buildEnv, ...stage.env };
  const result = spawnSync(file, args, { cwd: onThisMachine(stage, "."), env, encoding: "utf8" });
  check(args.at(-1) ?? file, result);
}

function check(what: string, { status, stdout, stderr, error }: ReturnType<typeof spawnSync>): void {
  if (status !== 0) throw new Error(`${what} failed: ${error?.message ?? ""}\n${stdout}${stderr}`);
}

/** Of a fresh shell: no tool of this project's own installation is found by accident. */
function systemPath(): string {
  return [dirname(process.execPath), "/usr/local/bin", "/usr/bin", "/bin"].join(":");
}

/** The words of a command in its JSON form; one that is a path of the image becomes one of this machine. */
function words(json: string, stage: Stage): string[] {
  const parsed = JSON.parse(json) as string[];
  return parsed.map((word) => (word.startsWith("/") ? onThisMachine(stage, word) : word));
}
