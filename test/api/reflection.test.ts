/** What a client learns from reflection is what the protos say, to the last option. */
import { readFileSync } from "node:fs";
import { credentials, ServerCredentials, status } from "@grpc/grpc-js";
import {
  createFileRegistry,
  equals,
  fromBinary,
  getOption,
  hasOption,
  type DescService,
} from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, onTestFinished, test } from "vitest";
import { createGrpcServer } from "../../server/src/api/server.ts";
import { ServerReflectionClient } from "../../server/src/gen/grpc/reflection/v1/reflection.ts";
import type {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from "../../server/src/gen/grpc/reflection/v1/reflection.ts";
import { createLogger } from "../../server/src/telemetry/log.ts";
import { openRelay } from "./setting.ts";

const bytes = readFileSync(new URL("../../server/src/gen/descriptors.binpb", import.meta.url));
const compiled = fromBinary(FileDescriptorSetSchema, bytes);
const services = [
  "fieldpost.v1.RelayService",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];

type Question = NonNullable<ServerReflectionRequest["messageRequest"]>;
type Answer = NonNullable<ServerReflectionResponse["messageResponse"]>;
type Ask = (...questions: Question[]) => Promise<Answer[]>;

const ofFile = (fileByFilename: string): Question => ({ $case: "fileByFilename", fileByFilename });
const ofSymbol = (fileContainingSymbol: string): Question => ({
  $case: "fileContainingSymbol",
  fileContainingSymbol,
});
const ofExtension = (containingType: string, extensionNumber: number): Question => ({
  $case: "fileContainingExtension",
  fileContainingExtension: { containingType, extensionNumber },
});
const numbersOf = (allExtensionNumbersOfType: string): Question => ({
  $case: "allExtensionNumbersOfType",
  allExtensionNumbersOfType,
});

function filesOf(answer: Answer | undefined): FileDescriptorProto[] {
  if (answer?.$case !== "fileDescriptorResponse") throw new Error(`no files: ${JSON.stringify(answer)}`);
  const { fileDescriptorProto } = answer.fileDescriptorResponse;
  return fileDescriptorProto.map((file) => fromBinary(FileDescriptorProtoSchema, file));
}

async function serve(): Promise<string> {
  const log = createLogger({ level: "silent", name: "test", destination: { write: () => {} } });
  const { server } = createGrpcServer(await openRelay(), log, { maxMessageBytes: 4 * 1024 * 1024 });
  onTestFinished(() => server.forceShutdown());
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(`127.0.0.1:${port}`) : reject(error),
    );
  });
}

/** Asks all questions on one stream. */
function asker(address: string, version: "v1" | "v1alpha" = "v1"): Ask {
  const client = new ServerReflectionClient(address, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
  });
  onTestFinished(() => client.close());
  const { path, requestSerialize, responseDeserialize } = ServerReflectionClient.service.serverReflectionInfo;
  return (...questions) =>
    new Promise((resolve, reject) => {
      const answers: Answer[] = [];
      const stream = client.makeBidiStreamRequest<ServerReflectionRequest, ServerReflectionResponse>(
        path.replace(".v1.", `.${version}.`),
        requestSerialize,
        responseDeserialize,
      );
      stream.on(
        "data",
        ({ messageResponse }: ServerReflectionResponse) => void answers.push(messageResponse!),
      );
      stream.on("error", reject);
      stream.on("end", () => resolve(answers));
      for (const messageRequest of questions) stream.write({ host: "", messageRequest });
      stream.end();
    });
}

describe.each(["v1", "v1alpha"] as const)("reflection %s", (version) => {
  test("lists every service that is served, and each is served", async () => {
    const address = await serve();
    const [answer] = await asker(address, version)({ $case: "listServices", listServices: "*" });
    expect(answer).toEqual({
      $case: "listServicesResponse",
      listServicesResponse: { service: services.map((name) => ({ name })) },
    });
    const client = new ServerReflectionClient(address, credentials.createInsecure());
    onTestFinished(() => client.close());
    const registry = createFileRegistry(compiled);
    for (const name of services) {
      for (const method of registry.getService(name)!.methods) {
        const details = await new Promise<string>((resolve) => {
          const call = client.makeBidiStreamRequest(`/${name}/${method.name}`, Buffer.from, (data) => data);
          call.on("error", ({ details }: { details: string }) => resolve(details));
          call.on("end", () => resolve(""));
          call.on("data", () => call.cancel());
          call.end(Buffer.alloc(0));
        });
        // What grpc-js says of a method that nobody added.
        expect(details).not.toContain("does not implement");
      }
    }
  });

  test("sends every file as it was compiled, with all that it imports, the file itself first", async () => {
    const ask = asker(await serve(), version);
    const answers = await ask(...compiled.file.map(({ name }) => ofFile(name)));
    expect(answers).toHaveLength(compiled.file.length);
    for (const [index, file] of compiled.file.entries()) {
      const sent = filesOf(answers[index]);
      expect(
        equals(FileDescriptorProtoSchema, sent[0]!, file, {
          unknown: true,
          registry: createFileRegistry(compiled),
        }),
      ).toBe(true);
      const names = new Set(sent.map(({ name }) => name));
      expect(sent.flatMap(({ dependency }) => dependency).filter((name) => !names.has(name))).toEqual([]);
    }
  });
});

test("a client can build everything from it, and read its options", async () => {
  const ask = asker(await serve());
  const files = filesOf((await ask(ofSymbol("fieldpost.v1.RelayService")))[0]);
  // As clients do who know no order: each after what it imports.
  const registry = createFileRegistry(files[0]!, (name) => files.find((file) => file.name === name));
  const service: DescService = registry.getService("fieldpost.v1.RelayService")!;
  const all = createFileRegistry(compiled);
  const http = all.getExtension("google.api.http")!;
  const mask = all.getExtension("fieldmask.option.Option")!;
  expect(service.methods.filter((method) => !hasOption(method, http))).toEqual([]);
  const readMask = service.method["getJob"]!.input.field["readMask"]!;
  expect(getOption(readMask, mask)).toMatchObject({ out: { gen: true, message: "Job" } });
});

test("finds the file of each symbol by its full name", async () => {
  const ask = asker(await serve());
  const where: readonly (readonly [symbol: string, file: string])[] = [
    ["fieldpost.v1.RelayService", "fieldpost/v1/relay.proto"],
    ["fieldpost.v1.RelayService.Enqueue", "fieldpost/v1/relay.proto"],
    ["fieldpost.v1.Job", "fieldpost/v1/job.proto"],
    ["fieldpost.v1.Job.state", "fieldpost/v1/job.proto"],
    ["fieldpost.v1.Job.target", "fieldpost/v1/job.proto"],
    ["fieldpost.v1.Job.LabelsEntry", "fieldpost/v1/job.proto"],
    ["fieldpost.v1.JobState", "fieldpost/v1/job.proto"],
    ["fieldpost.v1.JOB_STATE_SUCCEEDED", "fieldpost/v1/job.proto"],
    ["grpc.health.v1.HealthCheckResponse.SERVING", "grpc/health/v1/health.proto"],
    ["google.rpc.BadRequest.FieldViolation", "google/rpc/error_details.proto"],
    ["google.rpc.Status", "google/rpc/status.proto"],
    ["google.protobuf.FieldMask", "google/protobuf/field_mask.proto"],
    ["google.api.http", "google/api/annotations.proto"],
    ["fieldmask.option.Option", "fieldmask/option.proto"],
    ["grpc.reflection.v1.ServerReflection", "grpc/reflection/v1/reflection.proto"],
  ];
  const answers = await ask(...where.map(([symbol]) => ofSymbol(symbol)));
  expect(answers.map((answer, index) => [where[index]![0], filesOf(answer)[0]?.name])).toEqual(where);
});

test("finds extensions by number", async () => {
  const ask = asker(await serve());
  const [field, http, fieldNumbers, methodNumbers, none] = await ask(
    ofExtension("google.protobuf.FieldOptions", 1142),
    ofExtension("google.protobuf.MethodOptions", 72295728),
    numbersOf("google.protobuf.FieldOptions"),
    numbersOf("google.protobuf.MethodOptions"),
    numbersOf("fieldpost.v1.Job"),
  );
  expect(filesOf(field)[0]?.name).toBe("fieldmask/option.proto");
  expect(filesOf(http)[0]?.name).toBe("google/api/annotations.proto");
  const numbers = (answer: Answer | undefined): number[] | undefined =>
    answer?.$case === "allExtensionNumbersResponse"
      ? answer.allExtensionNumbersResponse.extensionNumber.toSorted((a, b) => a - b)
      : undefined;
  expect([fieldNumbers, methodNumbers, none].map(numbers)).toEqual([[1052, 1142], [72295728], []]);
});

test("says what it does not know, and the stream goes on", async () => {
  const ask = asker(await serve());
  const answers = await ask(
    ofFile("nowhere.proto"),
    ofSymbol("fieldpost.v1.Nothing"),
    ofSymbol(""),
    ofExtension("google.protobuf.FieldOptions", 1),
    ofExtension("fieldpost.v1.Nothing", 1142),
    numbersOf("fieldpost.v1.Nothing"),
    undefined as never,
    ofFile("fieldpost/v1/job.proto"),
  );
  const errors = answers.map((answer) =>
    answer.$case === "errorResponse"
      ? [answer.errorResponse.errorCode, answer.errorResponse.errorMessage]
      : [],
  );
  expect(errors).toEqual([
    [status.NOT_FOUND, "there is no file nowhere.proto"],
    [status.NOT_FOUND, "there is no symbol fieldpost.v1.Nothing"],
    [status.NOT_FOUND, "there is no symbol "],
    [status.NOT_FOUND, "there is no extension 1 of google.protobuf.FieldOptions"],
    [status.NOT_FOUND, "there is no extension 1142 of fieldpost.v1.Nothing"],
    [status.NOT_FOUND, "there is no message fieldpost.v1.Nothing"],
    [status.INVALID_ARGUMENT, "message_request is not set, or is none that this server knows"],
    [],
  ]);
});

test("a caller that asks faster than it reads gets every answer, in order", async () => {
  const ask = asker(await serve());
  const questions = Array.from(
    { length: 500 },
    (_, index) => compiled.file[index % compiled.file.length]!.name,
  );
  const answers = await ask(...questions.map(ofFile));
  expect(answers.map((answer) => filesOf(answer)[0]?.name)).toEqual(questions);
});
