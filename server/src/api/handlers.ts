/** From the table of RPCs to what grpc-js calls: context in, span, error out. */
import { status } from "@grpc/grpc-js";
import type { handleUnaryCall, UntypedHandleCall, UntypedServiceImplementation } from "@grpc/grpc-js";
import { RelayServiceService } from "../gen/fieldpost/v1/relay.ts";
import { RelayError } from "../job/error.ts";
import { extractTrace, withSpan } from "../telemetry/carrier.ts";
import type { Logger } from "../telemetry/log.ts";
import { endServerSpan, startServerSpan } from "../telemetry/spans.ts";
import { methods } from "./methods.ts";
import type { Method, MethodName } from "./methods.ts";
import type { Relay } from "./relay.ts";
import { toGrpcError } from "./status.ts";

export function createHandlers(relay: Relay, log: Logger): UntypedServiceImplementation {
  const handlers: { [name: string]: UntypedHandleCall } = {};
  for (const name of Object.keys(RelayServiceService) as MethodName[]) {
    const { path, requestStream, responseStream } = RelayServiceService[name];
    const fullName = path.slice(1);
    const method = methods[name] ?? unimplemented(fullName);
    handlers[name] =
      requestStream || responseStream
        ? streamError(method)
        : (unary(relay, log, fullName, method) as UntypedHandleCall);
  }
  return handlers;
}

function unary(relay: Relay, log: Logger, fullName: string, method: Method): handleUnaryCall<never, unknown> {
  return (call, callback) => {
    const parent = extractTrace((name) => {
      const values = call.metadata.get(name);
      return values.length === 0 ? undefined : values.join(",");
    });
    const span = startServerSpan(parent, fullName);
    method(relay, call.request, { context: withSpan(parent, span) }).then(
      (response) => {
        endServerSpan(span, "OK");
        callback(null, response);
      },
      (error: unknown) => {
        const answer = toGrpcError(error);
        logFailure(log, fullName, error);
        endServerSpan(span, status[answer.code], answer.message);
        callback(answer);
      },
    );
  };
}

/** What a caller did wrong is the caller's to know; what went wrong here is logged with its cause. */
function logFailure(log: Logger, method: string, error: unknown): void {
  if (!(error instanceof RelayError)) log.error({ err: error, method }, "defect: a call failed");
  else if (error.code === "UNAVAILABLE") log.error({ err: error, method }, "a call failed");
}

function unimplemented(fullName: string): Method {
  return () =>
    Promise.reject(
      new RelayError("UNIMPLEMENTED", `${fullName} is not offered in this release`, {
        reason: "NOT_OFFERED",
      }),
    );
}

/** No streaming RPC is offered yet: each ends with its error. */
function streamError(method: Method): UntypedHandleCall {
  const handler = (call: { emit(event: "error", error: unknown): void }): void => {
    method(undefined as never, undefined as never, undefined as never).catch((error: unknown) =>
      call.emit("error", toGrpcError(error)),
    );
  };
  return handler as UntypedHandleCall;
}
