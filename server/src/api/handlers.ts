/** From the tables of RPCs to what grpc-js calls: context in, span, error out. */
import { status } from "@grpc/grpc-js";
import type {
  handleBidiStreamingCall,
  handleUnaryCall,
  Metadata,
  ServiceDefinition,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { RelayServiceService } from "../gen/fieldpost/v1/relay.ts";
import type { Span } from "@opentelemetry/api";
import { RelayError } from "../job/error.ts";
import { extractTrace, withSpan } from "../telemetry/carrier.ts";
import type { Logger } from "../telemetry/log.ts";
import { endServerSpan, startServerSpan } from "../telemetry/spans.ts";
import type { EndlessStreams } from "./endless-streams.ts";
import { methods, streamMethods, wires } from "./methods.ts";
import type { Method, MethodName, StreamMethod, Wire } from "./methods.ts";
import type { Call, Relay } from "./relay.ts";
import { toGrpcError } from "./status.ts";
import { answersTo } from "./stream-answers.ts";
import { Intake } from "./stream-intake.ts";

/** The service as grpc-js is to read and write it: what has a wire of its own goes through as bytes. */
export function createDefinition(): ServiceDefinition {
  const bytes = (value: Buffer): Buffer => value;
  const definition: { [name: string]: ServiceDefinition[string] } = { ...RelayServiceService };
  for (const name of Object.keys(wires)) {
    definition[name] = { ...definition[name]!, requestDeserialize: bytes, responseSerialize: bytes };
  }
  return definition;
}

export function createHandlers(
  relay: Relay,
  streams: EndlessStreams,
  log: Logger,
): UntypedServiceImplementation {
  const handlers: { [name: string]: UntypedHandleCall } = {};
  for (const name of Object.keys(RelayServiceService) as MethodName[]) {
    const { path, requestStream, responseStream } = RelayServiceService[name];
    const fullName = path.slice(1);
    const streamMethod = streamMethods[name];
    const method = methods[name] ?? unimplemented(fullName);
    if (streamMethod !== undefined)
      handlers[name] = duplex(relay, streams, log, fullName, streamMethod) as UntypedHandleCall;
    else if (requestStream || responseStream) handlers[name] = streamError(method);
    else handlers[name] = unary(relay, log, fullName, over(wires[name], method)) as UntypedHandleCall;
  }
  return handlers;
}

function over(wire: Wire | undefined, method: Method): Method {
  if (wire === undefined) return method;
  return async (relay, request, call) => {
    const message = wire.read(request);
    return wire.write((await method(relay, message as never, call)) as never);
  };
}

function unary(relay: Relay, log: Logger, fullName: string, method: Method): handleUnaryCall<never, unknown> {
  return (call, callback) => {
    const { span, context } = startCall(call.metadata, fullName);
    method(relay, call.request, { context }).then(
      (response) => {
        endServerSpan(span, "OK");
        callback(null, response);
      },
      (error: unknown) => callback(endFailed(span, log, fullName, error)),
    );
  };
}

function duplex(
  relay: Relay,
  streams: EndlessStreams,
  log: Logger,
  fullName: string,
  method: StreamMethod,
): handleBidiStreamingCall<never, unknown> {
  return (stream) => {
    const { span, context } = startCall(stream.metadata, fullName);
    const intake = new Intake<never>(stream);
    method(relay, intake, answersTo(stream), { context }).then(
      () => {
        endServerSpan(span, intake.isCancelled ? "CANCELLED" : "OK");
        stream.end();
      },
      (error: unknown) => {
        const answer = endFailed(span, log, fullName, error);
        if (!intake.isCancelled) stream.emit("error", answer);
      },
    );
    streams.add({
      end: () => intake.stop(draining(fullName)),
      once: (event, listener) => stream.once(event, listener),
    });
  };
}

function draining(fullName: string): RelayError {
  const message = `this worker ends; go on with a new ${fullName}, from what is not acknowledged`;
  return new RelayError("UNAVAILABLE", message, { reason: "DRAINING", retryDelayMs: 0 });
}

function startCall(metadata: Metadata, fullName: string): Call & { readonly span: Span } {
  const parent = extractTrace((name) => {
    const values = metadata.get(name);
    return values.length === 0 ? undefined : values.join(",");
  });
  const span = startServerSpan(parent, fullName);
  return { span, context: withSpan(parent, span) };
}

function endFailed(
  span: Span,
  log: Logger,
  fullName: string,
  error: unknown,
): ReturnType<typeof toGrpcError> {
  const answer = toGrpcError(error);
  logFailure(log, fullName, error);
  endServerSpan(span, status[answer.code], answer.message);
  return answer;
}

/** What a caller did wrong is the caller's to know; what went wrong here is logged with its cause. */
function logFailure(log: Logger, method: string, error: unknown): void {
  if (!(error instanceof RelayError)) log.error({ err: error, method }, "defect: a call failed");
  else if (error.code === "UNAVAILABLE" && error.reason !== "DRAINING")
    log.error({ err: error, method }, "a call failed");
}

function unimplemented(fullName: string): Method {
  return () =>
    Promise.reject(
      new RelayError("UNIMPLEMENTED", `${fullName} is not offered in this release`, {
        reason: "NOT_OFFERED",
      }),
    );
}

/** A streaming RPC that is not offered yet ends with its error. */
function streamError(method: Method): UntypedHandleCall {
  const handler = (call: { emit(event: "error", error: unknown): void }): void => {
    method(undefined as never, undefined as never, undefined as never).catch((error: unknown) =>
      call.emit("error", toGrpcError(error)),
    );
  };
  return handler as UntypedHandleCall;
}
