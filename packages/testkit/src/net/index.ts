export { type EndedSession, endSessionAfterAnswer } from "./end-session.ts";
export { type Passage, startTcpProxy, type TcpProxy, type Watcher } from "./tcp-proxy.ts";
