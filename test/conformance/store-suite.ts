/** What every store must do: one suite for all implementations, a test for each sentence of the contract (store.ts). */
import { describe } from "vitest";
import { describeAmbiguity } from "./suite/ambiguity.ts";
import { describeCancel } from "./suite/cancel.ts";
import { describeClaim } from "./suite/claim.ts";
import { describeClock } from "./suite/clock.ts";
import { describeClockKept } from "./suite/clock-kept.ts";
import { describeConcurrency } from "./suite/concurrency.ts";
import { describeDelete } from "./suite/delete.ts";
import { describeFilter } from "./suite/filter.ts";
import { describeFinish } from "./suite/finish.ts";
import { describeIdentity } from "./suite/identity.ts";
import { describeInsert } from "./suite/insert.ts";
import { describeInsertEach } from "./suite/insert-each.ts";
import { describeLease } from "./suite/lease.ts";
import { describeClose, describeReopen } from "./suite/life.ts";
import { describeModel } from "./suite/model.ts";
import { describeRead } from "./suite/read.ts";
import { describeRetry } from "./suite/retry.ts";
import { describeRoundTrip } from "./suite/round-trip.ts";
import { describeSlowDown } from "./suite/slow-down.ts";
import { describeSweep } from "./suite/sweep.ts";
import type { OpenStore } from "./suite/setting.ts";

export type { OpenedStore, OpenStore } from "./suite/setting.ts";

export interface SuiteOptions {
  /** True if `reopen` gives a store with the same data: after a close, and beside one that is open. */
  readonly persists: boolean;
  /** Opens an empty store for one sequence of the model test, of which there are many. Default: as for any other test. */
  readonly openForModel?: OpenStore;
}

export function describeStore(name: string, open: OpenStore, options: SuiteOptions): void {
  // oxlint-disable-next-line vitest/valid-title -- the caller says which store it is
  describe(name, () => {
    describeInsert(open);
    describeInsertEach(open);
    describeIdentity(open);
    describeRoundTrip(open);
    describeClaim(open);
    describeFinish(open);
    describeCancel(open);
    describeRetry(open);
    describeDelete(open);
    describeAmbiguity(open);
    describeSlowDown(open);
    describeSweep(open);
    describeClock(open);
    describeClockKept(open);
    describeLease(open);
    describeRead(open);
    describeFilter(open);
    describeClose(open);
    if (options.persists) describeReopen(open);
    describeConcurrency(open, options);
    describeModel(options.openForModel ?? open);
  });
}
