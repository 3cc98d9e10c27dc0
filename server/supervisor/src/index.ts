/**
 * The supervisor's side: the process that opens the sockets and never serves. Workers import `@fieldpost/supervisor/worker`.
 *
 * @module
 */
export { formatAddress, parseAddress } from "./address.ts";
export type { ListenAddress } from "./address.ts";
export { daemonize } from "./daemon.ts";
export type { Launch, Launched } from "./daemon.ts";
export { SupervisorError } from "./errors.ts";
export type { SupervisorErrorCode } from "./errors.ts";
export type { HookSignal, Logger, SupervisorChanges, SupervisorOptions } from "./options.ts";
export { startSupervisor } from "./supervisor.ts";
export type { Supervisor } from "./supervisor.ts";
export type { Phase, ReloadResult, SupervisorStatus, WorkerProcess, WorkerStatus } from "./status.ts";
export type { WorkerState } from "./worker-handle.ts";
export { whoAmI } from "./who-am-i.ts";
export type { Place } from "./who-am-i.ts";
