/** The messages to the writing thread, and what each is answered with. */
import type {
  CancelResult,
  DeleteResult,
  FinishResult,
  InsertResult,
  MachineTime,
  RecoverOptions,
  RecoverResult,
  RetryResult,
  SweepOptions,
  SweepResult,
} from "../../store.ts";
import type { ClaimedRow, FinishedRow, NewJobRow } from "../rows.ts";

/** A change, as it is sent to the writing thread. */
export type WriteOperation =
  | { readonly kind: "register"; readonly name: string; readonly leaseTime: number }
  | {
      readonly kind: "renew";
      readonly worker: number;
      readonly leaseTime: number;
      readonly askedTime: number;
    }
  | { readonly kind: "release"; readonly worker: number }
  | ({ readonly kind: "recover" } & Required<RecoverOptions>)
  | {
      readonly kind: "insert";
      readonly worker: number;
      readonly now: number;
      readonly claimUpTo: number;
      readonly maxDepth: number;
      readonly each: boolean;
      /** Of the stage that the jobs belong to; 0: of none. */
      readonly stage: number;
      readonly jobs: readonly NewJobRow[];
    }
  | {
      readonly kind: "open-stage";
      readonly worker: number;
      readonly count: number;
      readonly maxDepth: number;
    }
  | { readonly kind: "publish-stage"; readonly stage: number; readonly stored: number }
  | { readonly kind: "discard-stage"; readonly stage: number }
  | { readonly kind: "claim"; readonly worker: number; readonly limit: number; readonly now: number }
  | { readonly kind: "finish"; readonly worker: number; readonly attempts: readonly FinishedRow[] }
  | ({ readonly kind: "note-time"; readonly leaseMs: number } & MachineTime)
  | ({ readonly kind: "sweep" } & SweepOptions)
  | { readonly kind: "begin"; readonly worker: number; readonly key: number; readonly attempt: number }
  | {
      readonly kind: "cancel";
      readonly id: string;
      readonly now: number;
      readonly revision: number | undefined;
    }
  | {
      readonly kind: "retry";
      readonly id: string;
      readonly now: number;
      readonly revision: number | undefined;
      readonly maxDepth: number;
    }
  | {
      readonly kind: "delete";
      readonly id: string;
      readonly now: number;
      readonly revision: number | undefined;
    };

/** `full`: nothing was opened. */
export type OpenStageResult =
  { readonly kind: "opened"; readonly stage: number } | Extract<InsertResult, { readonly kind: "full" }>;

/** What each kind of change answers. */
export interface WriteResults {
  register: number;
  renew: boolean;
  release: undefined;
  recover: RecoverResult;
  /** undefined: the stage is given up. */
  insert: InsertResult[] | undefined;
  "open-stage": OpenStageResult;
  /** False: the stage is given up. */
  "publish-stage": boolean;
  "discard-stage": undefined;
  claim: {
    readonly rows: readonly ClaimedRow[];
    readonly nextDueTime: number | null;
    readonly dueLeft: number | null;
  };
  finish: FinishResult[];
  "note-time": number;
  sweep: SweepResult;
  begin: FinishResult;
  cancel: CancelResult;
  retry: RetryResult;
  delete: DeleteResult;
}
