/** Stops in the middle of everything: what is on its way ends, the rest waits, and nobody has to guess. */
import { rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { openEnqueueStream } from "../support/enqueue-stream.ts";
import { createRelayClient } from "../support/relay-client.ts";
import { makeFolder, startRelay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { post } from "./setting.ts";

const rounds = Number(process.env["FIELDPOST_STOP_ROUNDS"] ?? 4);
const jobsOfRound = 400;
const batchSize = 600;

/** The attempts and states in the store, when nobody has it. */
function stored(path: string): { readonly results: string[]; readonly dispatching: number } {
  const database = new DatabaseSync(path, { readOnly: true });
  const results = database.prepare("SELECT DISTINCT result FROM attempt").all();
  const dispatching = database.prepare("SELECT count(*) AS count FROM job WHERE state = 2").get();
  database.close();
  return {
    results: results.map(({ result }) => String(result)),
    dispatching: Number(dispatching?.["count"]),
  };
}

test(
  `${rounds} graceful stops under load leave no attempt unknown, and every acknowledged job is sent once`,
  async () => {
    const dir = makeFolder();
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    // Answers later than the stop begins, and earlier than the drain ends.
    await using target = await startTarget((request) => {
      const wait = setTimeout(() => request.answer(200), 20 + 300 * Math.random());
      void request.ended.then(() => clearTimeout(wait));
      return undefined;
    });
    const acknowledged = new Set<string>();
    for (let round = 0; round < rounds; round++) {
      await using relay = await startRelay({ dir });
      const client = createRelayClient(relay.grpcAddress);
      const stream = openEnqueueStream(client.channel);
      for (let sequence = 1; sequence <= jobsOfRound; sequence++) {
        const id = `stream-${round}-${sequence}`;
        stream.send(sequence, { job: post(`${target.url}/${id}`), jobId: id });
      }
      const calls = Array.from({ length: jobsOfRound }, (_, index) => {
        const id = `call-${round}-${index}`;
        return client.enqueue({ job: post(`${target.url}/${id}`), jobId: id }).then(
          () => void acknowledged.add(id),
          () => undefined,
        );
      });
      const ids = Array.from({ length: batchSize }, (_, index) => `batch-${round}-${index}`);
      const batch = client
        .batchEnqueue({ requests: ids.map((id) => ({ job: post(`${target.url}/${id}`), jobId: id })) })
        .then(
          () => ids.forEach((id) => acknowledged.add(id)),
          () => undefined,
        );
      await target.received(target.requests.length + 60);
      expect(await relay.stop()).toBe(0);
      await Promise.all([...calls, batch, stream.ended]);
      const last = Number(stream.answers.at(-1)?.ackedSequence ?? 0);
      for (let sequence = 1; sequence <= last; sequence++) acknowledged.add(`stream-${round}-${sequence}`);
      client.close();
      const { results, dispatching } = stored(relay.store);
      expect(results).toEqual(["succeeded"]);
      expect(dispatching).toBe(0);
    }
    await using relay = await startRelay({ dir, args: ["--parallel-sends", "512"] });
    const first = [...acknowledged][0]!;
    await relay.client.reached(`jobs/${first}`, JobState.JOB_STATE_SUCCEEDED);
    await expect
      .poll(() => new Set(target.requests.map(({ url }) => url.slice(1))).size, { timeout: 60_000 })
      .toBeGreaterThanOrEqual(acknowledged.size);
    expect(await relay.stop()).toBe(0);
    const sent = target.requests.map(({ url }) => url.slice(1));
    expect([...acknowledged].filter((id) => !sent.includes(id))).toEqual([]);
    expect(sent.length).toBe(new Set(sent).size);
    expect(stored(relay.store).results).toEqual(["succeeded"]);
    expect(acknowledged.size).toBeGreaterThan(rounds * 100);
  },
  60_000 + rounds * 15_000,
);

test("a stop begins nothing more, however much was claimed ahead: what was not begun waits for the next start", async () => {
  const dir = makeFolder();
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const parallelSends = 4;
  // The first ones end at once, so that workers claim ahead; then the target gets slow.
  const quick = 300;
  await using target = await startTarget(({ url, answer }) => {
    if (Number(url.slice(1)) < quick) return { status: 200 };
    setTimeout(() => answer(200), 1000);
    return undefined;
  });
  const count = 600;
  await using relay = await startRelay({ dir, args: ["--parallel-sends", String(parallelSends)] });
  const client = createRelayClient(relay.grpcAddress);
  const jobs = Array.from({ length: count }, (_, index) => ({ job: post(`${target.url}/${index}`) }));
  await client.batchEnqueue({ requests: jobs });
  client.close();
  await target.received(quick + 8);
  const before = target.requests.length;
  expect(await relay.stop()).toBe(0);
  expect(target.requests.length - before).toBeLessThanOrEqual(2 * parallelSends);
  expect(stored(relay.store)).toEqual({ results: ["succeeded"], dispatching: 0 });
});
