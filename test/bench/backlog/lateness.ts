// How late jobs were sent, by what the relay itself has recorded of their attempts.
import { credentials } from "@grpc/grpc-js";
import type { Job } from "../../../server/src/gen/fieldpost/v1/job.ts";
import { RelayServiceClient } from "../../../server/src/gen/fieldpost/v1/relay.ts";

const readsInFlight = 32;

/** start_time less due_time of the first attempt of each job, in ms, sorted. */
export async function readLateness(address: string, names: readonly string[]): Promise<Float64Array> {
  const client = new RelayServiceClient(address, credentials.createInsecure());
  const lateness = new Float64Array(names.length);
  let next = 0;
  const read = async (): Promise<void> => {
    while (next < names.length) {
      const index = next++;
      const job = await getJob(client, names[index]!);
      const first = job.attempts[0];
      if (first?.startTime === undefined || first.dueTime === undefined)
        throw new Error(`${job.name} has no attempt`);
      lateness[index] = first.startTime.getTime() - first.dueTime.getTime();
    }
  };
  try {
    await Promise.all(Array.from({ length: readsInFlight }, read));
  } finally {
    client.close();
  }
  return lateness.toSorted();
}

function getJob(client: RelayServiceClient, name: string): Promise<Job> {
  return new Promise((resolve, reject) => {
    client.getJob({ name, readMask: ["name", "attempts"] }, (error, job) =>
      error ? reject(error) : resolve(job),
    );
  });
}
