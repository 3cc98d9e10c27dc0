/** What a jump of the wall clock means for what is stored. */
import type { Row } from "../rows.ts";
import { stateNumber } from "../rows.ts";
import { requestMemoryMs } from "./end.ts";
import type { WriteOperation } from "./operations.ts";
import type { Transaction } from "./transaction.ts";

/** Less is how clocks are kept right, and how exactly two clocks are read one after the other. */
const leastJumpMs = 250;
const slackMs = 50;

const SCHEDULED = stateNumber("SCHEDULED");

export function noteTime(
  transaction: Transaction,
  { now, uptimeMs, boot, leaseMs }: Extract<WriteOperation, { kind: "note-time" }>,
): number {
  const { sql } = transaction;
  const noted = sql.readTime.get();
  const jump = noted === undefined ? 0 : jumpSince(noted, { now, uptimeMs, boot });
  if (noted !== undefined && jump !== 0) {
    const elapsed = uptimeMs - (noted["uptime"] as number);
    const before = now - jump;
    // Written since the jump, by the new clock.
    const since = { revision: noted["revision"]!, from: now - elapsed - slackMs, to: now + slackMs };
    // Going through all jobs in the order of the file takes less than half the time, but for those that have ended.
    const isMostlyOpen = transaction.depth * 20 > transaction.ended;
    (isMostlyOpen ? sql.shiftDueOfAll : sql.shiftDue).run({
      jump,
      // What was due already stays due.
      dueAfter: jump > 0 ? before : -1,
      dueBefore: jump > 0 ? -1 : before,
      scheduled: SCHEDULED,
      ...since,
    });
    sql.shiftRuns.run({ jump, ...since });
    keepEnded(sql, noted, jump, now);
    sql.shiftDestinations.run(jump);
    // Some were renewed by the new clock already: each gets a whole one.
    sql.renewAll.run(now + leaseMs);
    transaction.waiting.forget();
    transaction.forgetBlocked();
  }
  sql.writeTime.run(now, uptimeMs, boot, transaction.revision);
  return jump;
}

/**
 * What has ended is kept as long as ever: sweeps count a jump ahead off, and after one back nothing has ended, or was asked
 * for, in what is now the future.
 */
function keepEnded(sql: Transaction["sql"], noted: Row, jump: number, now: number): void {
  const ahead = Math.max(0, (noted["ahead"] as number) + jump);
  sql.writeAhead.run(ahead, jump > 0 ? now : Math.min(now, noted["ahead_since"] as number));
  if (jump > 0) return;
  sql.endUsualBy.run(now, now);
  sql.endOwnBy.run(now, now);
  sql.sweepAgainFrom.run(now, now);
  sql.forgetRequestsBy.run(now + requestMemoryMs, now + requestMemoryMs);
}

/** 0 if it did not jump, or if nobody can know: the machine was started since. */
function jumpSince(
  noted: Row,
  { now, uptimeMs, boot }: { readonly now: number; readonly uptimeMs: number; readonly boot: string },
): number {
  if (noted["boot"] !== boot) return 0;
  const jump = now - (noted["wall"] as number) - (uptimeMs - (noted["uptime"] as number));
  return Math.abs(jump) < leastJumpMs ? 0 : Math.round(jump);
}
