/** The caller's end of a StreamEnqueue. */
import { Metadata } from "@grpc/grpc-js";
import type { Client, ClientDuplexStream, StatusObject } from "@grpc/grpc-js";
import { RelayServiceService, StreamEnqueueRequest } from "../../server/src/gen/fieldpost/v1/relay.ts";
import type {
  DeepPartial,
  EnqueueRequest,
  StreamEnqueueResponse,
} from "../../server/src/gen/fieldpost/v1/relay.ts";

export interface EnqueueStream {
  readonly call: ClientDuplexStream<StreamEnqueueRequest, StreamEnqueueResponse>;
  /** All that came, in order. */
  readonly answers: readonly StreamEnqueueResponse[];
  /** @returns false if flow control says to wait */
  send(sequence: number, request: DeepPartial<EnqueueRequest> | undefined): boolean;
  /** When all up to this sequence is acknowledged. Rejects if the stream ends before. */
  acknowledged(sequence: number): Promise<void>;
  /** Sends nothing more. @returns how the stream ended, whatever it was */
  end(): Promise<StatusObject>;
  readonly ended: Promise<StatusObject>;
}

export function openEnqueueStream(
  channel: Client,
  headers: Readonly<Record<string, string>> = {},
): EnqueueStream {
  const { path, requestSerialize, responseDeserialize } = RelayServiceService.streamEnqueue;
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const call = channel.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata, {});
  const answers: StreamEnqueueResponse[] = [];
  const waiting = new Set<() => void>();
  let final: StatusObject | undefined;
  const ended = new Promise<StatusObject>((resolve) => {
    call.on("status", (status: StatusObject) => {
      final = status;
      resolve(status);
      for (const look of waiting) look();
    });
  });
  call.on("data", (answer: StreamEnqueueResponse) => {
    answers.push(answer);
    for (const look of waiting) look();
  });
  // Told by the status.
  call.on("error", () => {});
  return {
    call,
    answers,
    ended,
    send: (sequence, request) =>
      call.write(StreamEnqueueRequest.create({ sequence: BigInt(sequence), request })),
    acknowledged: (sequence) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if ((answers.at(-1)?.ackedSequence ?? 0n) >= BigInt(sequence)) resolve();
          else if (final !== undefined) reject(new Error(`ended with ${final.code}: ${final.details}`));
          else return;
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      }),
    end() {
      call.end();
      return ended;
    },
  };
}
