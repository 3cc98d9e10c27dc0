// Sends jobs over keep-alive connections, one request at a time on each. What finds no free connection waits in memory:
// the bare chain has no back-pressure towards its store.
import { Client } from "undici";
import type { HttpTarget } from "../../../server/src/gen/fieldpost/v1/job.ts";

export interface Sender {
  send(id: number, http: HttpTarget): void;
}

interface Job {
  id: number;
  http: HttpTarget;
}

/** `onAnswer` is called for every job; a target that fails ends the process, as there is no retry. */
export function createSender(
  origin: string,
  connections: number,
  onAnswer: (id: number, httpStatus: number) => void,
): Sender {
  // Clients in a stack instead of a Pool: the Pool looks through its clients for a free one with each request.
  const free = Array.from({ length: connections }, () => new Client(origin, { pipelining: 1 }));
  let waiting: Job[] = [];
  let next = 0;
  const paths = new Map<string, string>();

  return {
    send(id, http) {
      const client = free.pop();
      if (client === undefined) waiting.push({ id, http });
      else dispatch(client, { id, http });
    },
  };

  function dispatch(client: Client, { id, http }: Job): void {
    let httpStatus = 0;
    const headers = http.headers.flatMap(({ name, value }) => [name, value]);
    client.dispatch(
      { path: pathOf(http.url), method: http.method, headers, body: http.body },
      {
        onRequestStart() {},
        onResponseStart(_controller, status) {
          httpStatus = status;
        },
        onResponseData() {},
        onResponseEnd() {
          onAnswer(id, httpStatus);
          release(client);
        },
        onResponseError(_controller, error) {
          throw error;
        },
      },
    );
  }

  function release(client: Client): void {
    const job = waiting[next];
    if (job === undefined) {
      free.push(client);
      return;
    }
    next += 1;
    if (next === waiting.length) {
      waiting = [];
      next = 0;
    }
    dispatch(client, job);
  }

  function pathOf(url: string): string {
    let path = paths.get(url);
    if (path === undefined) paths.set(url, (path = new URL(url).pathname));
    return path;
  }
}
