export { type Passage, startTcpProxy, type TcpProxy, type Watcher } from "./tcp-proxy.ts";
