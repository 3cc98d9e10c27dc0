// The generated code for vectors.proto, once for the messages of ts-proto and once for those of protobuf-es, behind one
// face: what a case of the vectors needs of either.

import type { DescMessage, Message } from "@bufbuild/protobuf";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { codecOf, functionsOf, pick } from "../support/message-functions.ts";
import type { Codec, MessageFunctions } from "../support/message-functions.ts";
import * as esMasks from "./gen/protobuf-es/vectors_masks_fieldmask.ts";
import * as esMessages from "./gen/protobuf-es/vectors_pb.ts";
import * as tsProtoMasks from "./gen/ts-proto/vectors_masks_fieldmask.ts";
import * as tsProtoMessages from "./gen/ts-proto/vectors.ts";

/** One kind of messages. */
export interface Target {
  readonly name: "ts-proto" | "protobuf-es";
  message(name: string): Codec & MessageFunctions;
}

/** Both targets. */
export const targets: readonly Target[] = [
  {
    name: "ts-proto",
    message: (name) => ({ ...codecOf(tsProtoMessages, name), ...functionsOf(tsProtoMasks, name, name) }),
  },
  {
    name: "protobuf-es",
    message: (name) => {
      const schema = pick<DescMessage>(esMessages, `${name}Schema`);
      return {
        decode: (bytes) => fromBinary(schema, bytes),
        encode: (message) => toBinary(schema, message as Message),
        ...functionsOf(esMasks, name, name),
      };
    },
  },
];
