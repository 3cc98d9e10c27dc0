/**
 * gRPC server reflection, v1 and v1alpha, over one set of descriptors (github.com/grpc/grpc/blob/master/doc/server-reflection.md).
 * Files go out as they were compiled, each under its own name, with its imports and custom options: @grpc/reflection 1.0
 * merges the files of a package, drops imports and options, and finds no extension under the name that clients ask for.
 */
import { status } from "@grpc/grpc-js";
import type { handleBidiStreamingCall, Server } from "@grpc/grpc-js";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type {
  DescriptorProto,
  EnumDescriptorProto,
  FieldDescriptorProto,
  FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import { ServerReflectionService } from "../gen/grpc/reflection/v1/reflection.ts";
import type {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from "../gen/grpc/reflection/v1/reflection.ts";

const { serverReflectionInfo } = ServerReflectionService;

/** The messages of both versions are the same on the wire. */
const serviceV1alpha = {
  serverReflectionInfo: {
    ...serverReflectionInfo,
    path: serverReflectionInfo.path.replace(".v1.", ".v1alpha."),
  },
};

type Answer = NonNullable<ServerReflectionResponse["messageResponse"]>;

/**
 * @param descriptors a google.protobuf.FileDescriptorSet with all imports; every service in it is listed
 */
export function addReflection(server: Pick<Server, "addService">, descriptors: Uint8Array): void {
  // Most processes are never asked, and none has to pay for it when it starts.
  let index: DescriptorIndex | undefined;
  const handler: handleBidiStreamingCall<ServerReflectionRequest, ServerReflectionResponse> = (call) => {
    call.on("data", (request: ServerReflectionRequest) => {
      if (call.writableEnded) return;
      index ??= indexDescriptors(descriptors);
      const response = {
        validHost: request.host,
        originalRequest: request,
        messageResponse: answer(index, request.messageRequest),
      };
      if (call.write(response)) return;
      call.pause();
      call.once("drain", () => call.resume());
    });
    call.on("end", () => call.end());
  };
  server.addService(ServerReflectionService, { serverReflectionInfo: handler });
  server.addService(serviceV1alpha, { serverReflectionInfo: handler });
}

function answer(index: DescriptorIndex, request: ServerReflectionRequest["messageRequest"]): Answer {
  switch (request?.$case) {
    case "listServices":
      return {
        $case: "listServicesResponse",
        listServicesResponse: { service: index.services.map((name) => ({ name })) },
      };
    case "fileByFilename":
      return files(index, request.fileByFilename, `file ${request.fileByFilename}`);
    case "fileContainingSymbol": {
      const symbol = request.fileContainingSymbol;
      return files(index, index.symbols.get(symbol), `symbol ${symbol}`);
    }
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = request.fileContainingExtension;
      const file = index.extensions.get(containingType)?.get(extensionNumber);
      return files(index, file, `extension ${extensionNumber} of ${containingType}`);
    }
    case "allExtensionNumbersOfType": {
      const baseTypeName = request.allExtensionNumbersOfType;
      if (!index.messages.has(baseTypeName)) return notFound(`message ${baseTypeName}`);
      const extensionNumber = [...(index.extensions.get(baseTypeName)?.keys() ?? [])];
      return {
        $case: "allExtensionNumbersResponse",
        allExtensionNumbersResponse: { baseTypeName, extensionNumber },
      };
    }
    case undefined:
      return error(status.INVALID_ARGUMENT, "message_request is not set, or is none that this server knows");
    default:
      return request satisfies never;
  }
}

/** The file first, and then all that it imports, however far away. */
function files(index: DescriptorIndex, name: string | undefined, what: string): Answer {
  const file = name === undefined ? undefined : index.files.get(name);
  if (file === undefined) return notFound(what);
  const all = new Set([file]);
  for (const one of all) for (const imported of one.proto.dependency) all.add(index.files.get(imported)!);
  const fileDescriptorProto = [...all].map(({ bytes }) => bytes);
  return { $case: "fileDescriptorResponse", fileDescriptorResponse: { fileDescriptorProto } };
}

function notFound(what: string): Answer {
  return error(status.NOT_FOUND, `there is no ${what}`);
}

function error(errorCode: status, errorMessage: string): Answer {
  return { $case: "errorResponse", errorResponse: { errorCode, errorMessage } };
}

interface DescriptorFile {
  readonly proto: FileDescriptorProto;
  readonly bytes: Buffer;
}

/** By the names that clients ask for: full, without a leading dot. Symbols and extensions say in which file they stand. */
interface DescriptorIndex {
  readonly files: ReadonlyMap<string, DescriptorFile>;
  readonly services: readonly string[];
  readonly symbols: ReadonlyMap<string, string>;
  readonly messages: ReadonlySet<string>;
  /** Extended message, number of the extension. */
  readonly extensions: ReadonlyMap<string, ReadonlyMap<number, string>>;
}

/** Reads the descriptors themselves: a registry of protobuf-es hides the entries of maps, which clients may ask for. */
function indexDescriptors(descriptors: Uint8Array): DescriptorIndex {
  const files = new Map<string, DescriptorFile>();
  const services: string[] = [];
  const symbols = new Map<string, string>();
  const messages = new Set<string>();
  const extensions = new Map<string, Map<number, string>>();
  for (const proto of fromBinary(FileDescriptorSetSchema, descriptors).file) {
    const file = proto.name;
    const add = (scope: string, { name }: { readonly name: string }): string => {
      const symbol = scope === "" ? name : `${scope}.${name}`;
      symbols.set(symbol, file);
      return symbol;
    };
    const addExtension = (scope: string, extension: FieldDescriptorProto): void => {
      add(scope, extension);
      const extended = extension.extendee.slice(1);
      extensions.set(extended, (extensions.get(extended) ?? new Map()).set(extension.number, file));
    };
    const addEnum = (scope: string, one: EnumDescriptorProto): void => {
      add(scope, one);
      // The values of an enum stand beside it, not in it.
      for (const value of one.value) add(scope, value);
    };
    const addMessage = (scope: string, message: DescriptorProto): void => {
      const symbol = add(scope, message);
      messages.add(symbol);
      for (const member of [...message.field, ...message.oneofDecl]) add(symbol, member);
      for (const one of message.extension) addExtension(symbol, one);
      for (const one of message.enumType) addEnum(symbol, one);
      for (const one of message.nestedType) addMessage(symbol, one);
    };
    files.set(file, { proto, bytes: Buffer.from(toBinary(FileDescriptorProtoSchema, proto)) });
    for (const one of proto.extension) addExtension(proto.package, one);
    for (const one of proto.enumType) addEnum(proto.package, one);
    for (const one of proto.messageType) addMessage(proto.package, one);
    for (const service of proto.service) {
      const symbol = add(proto.package, service);
      services.push(symbol);
      for (const method of service.method) add(symbol, method);
    }
  }
  return { files, services: services.toSorted(), symbols, messages, extensions };
}
