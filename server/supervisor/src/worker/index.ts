/**
 * The worker's side: what a process that `@fieldpost/supervisor` started calls to serve.
 *
 * @module
 */
export type { DrainResult } from "../messages.ts";
export { keepFresh, watchCertificate } from "./certificate.ts";
export type {
  CertificateContext,
  CertificateFiles,
  CertificateOptions,
  WatchedCertificate,
} from "./certificate.ts";
export { drainAll } from "./connections.ts";
export type { ConnectionSet } from "./connections.ts";
export { serveHttp } from "./http.ts";
export type { HttpOptions } from "./http.ts";
export { joinSupervisor } from "./join.ts";
export type { DrainHook, SupervisedWorker, WorkerExit } from "./join.ts";
export { listen } from "./listen.ts";
export type { Listener, Serving } from "./listen.ts";
export { whoAmI } from "../who-am-i.ts";
export type { Place } from "../who-am-i.ts";
