// The one request that every bench enqueues: a POST with two headers and a body of 200 bytes.
import { EnqueueRequest } from "../../server/src/gen/fieldpost/v1/relay.ts";

export const bodyBytes = 200;

/** An encoded EnqueueRequest for the target at `url`. */
export function encodePayload(url: string): Buffer {
  const request = EnqueueRequest.fromPartial({
    job: {
      target: {
        $case: "http",
        http: {
          method: "POST",
          url,
          headers: [
            { name: "content-type", value: "application/octet-stream" },
            { name: "x-bench", value: "fieldpost" },
          ],
          body: Buffer.alloc(bodyBytes, "x"),
        },
      },
    },
  });
  return Buffer.from(EnqueueRequest.encode(request).finish());
}
