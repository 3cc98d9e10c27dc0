/** Preloaded into a relay (NODE_OPTIONS), so that its store does not wait for the disk: the power cuts must notice. */
import { DatabaseSync } from "node:sqlite";

const { exec } = DatabaseSync.prototype;

DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string): void {
  exec.call(this, sql.replace("synchronous = FULL", "synchronous = OFF"));
};
