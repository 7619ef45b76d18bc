export type { NodeProgram } from "./launch.ts";
export { type NodeProcess, startNodeProcess } from "./node-process.ts";
export {
  type Env,
  launchRoom,
  listening,
  projectRoot,
  type Room,
  type RunningRoom,
  runRoom,
  startRoom,
} from "./rooms.ts";
export { type ProcessAnswer, runNodeProcess } from "./run-node-process.ts";
export { type SimulatorProcess, startSimulatorProcess } from "./start-simulator-process.ts";
