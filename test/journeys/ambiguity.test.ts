/** Moments at which nobody can know whether the target got it, and what is said of them. */
import { describe, expect, test } from "vitest";
import { AmbiguityPolicy, AttemptResult, JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { startRelay } from "../support/relay.ts";
import { startTarget } from "../support/target.ts";
import { attemptsOf, post, reasonOf } from "./setting.ts";

describe("kill -9 of a worker in the middle of an attempt", () => {
  test.each([
    [AmbiguityPolicy.AMBIGUITY_POLICY_FAIL, JobState.JOB_STATE_FAILED],
    [AmbiguityPolicy.AMBIGUITY_POLICY_HOLD, JobState.JOB_STATE_HELD],
  ])(
    "with policy %i leaves the job in state %i, sent once; RetryJob sends it again",
    async (policy, state) => {
      let answers = 0;
      await using target = await startTarget(() => (answers++ === 0 ? undefined : 200));
      await using relay = await startRelay({ workers: 1 });
      const { name } = await relay.client.enqueue({
        job: { ...post(target.url), ambiguityPolicy: policy, maxAttempts: 1 },
      });
      await target.received(1);
      process.kill(relay.workerPids()[0]!, "SIGKILL");
      await relay.line("worker is ready", (line) => Number(line["generation"]) > 1);
      const ended = await relay.client.reached(name, state);
      expect(ended.attempts).toMatchObject([
        { number: 1, result: AttemptResult.ATTEMPT_RESULT_OUTCOME_UNKNOWN },
      ]);
      expect(reasonOf(ended.lastError)).toBe("WORKER_LOST");
      expect(target.requests).toHaveLength(1);
      await relay.client.retryJob({ name });
      const again = await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
      expect(again).toMatchObject({ runCount: 2, attemptCount: 2 });
      expect(target.requests.map(({ headers }) => headers["fieldpost-attempt"])).toEqual(["1/1", "2/1"]);
    },
  );
});

describe("cancel of a job that is being sent", () => {
  test.each([1, 2])(
    "with %i workers answers when its connection is closed, and says what is known",
    async (workers) => {
      await using target = await startTarget(() => undefined);
      await using relay = await startRelay({ workers });
      // Whichever worker has it, and whichever is asked.
      for (let round = 0; round < 6; round++) {
        const { name } = await relay.client.enqueue({ job: post(target.url) });
        const [request] = (await target.received(round + 1)).slice(round);
        const cancelled = await relay.client.cancelJob({ name });
        expect(cancelled.state).toBe(JobState.JOB_STATE_CANCELLED);
        expect(attemptsOf(cancelled)).toEqual([[1, "OUTCOME_UNKNOWN", 0, "CANCELLED"]]);
        expect(await request!.ended).toBe("closed");
      }
      expect(target.requests).toHaveLength(6);
    },
  );
});
