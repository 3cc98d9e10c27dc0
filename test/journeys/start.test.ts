/** Starts that must not succeed, and what they say. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { launcher, makeFolder, serveArguments, startProgram, startRelay } from "../support/relay.ts";

/** Runs `fieldpost serve` to its end, which must come by itself. */
async function failedStart(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; text: string }> {
  await using program = startProgram(launcher, ["serve", ...args], { env });
  const { code } = await program.exited;
  await program.gone();
  return { code, text: program.text() };
}

interface Folder extends Disposable {
  readonly dir: string;
  readonly store: string;
}

function openFolder(): Folder {
  const dir = makeFolder();
  return {
    dir,
    store: join(dir, "fieldpost.db"),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

const argsFor = ({ dir }: Folder): string[] => serveArguments({ dir }).slice(1);

describe("the store", () => {
  test("of a relay that runs is refused to a second one, by whatever name, and says who has it", async () => {
    await using relay = await startRelay({});
    const link = join(relay.dir, "link.db");
    symlinkSync(relay.store, link);
    for (const store of [relay.store, link]) {
      const { code, text } = await failedStart([
        ...serveArguments({ dir: relay.dir }).slice(1),
        "--store",
        store,
        "--control",
        `${store}.other`,
      ]);
      expect(code).toBe(1);
      expect(text).toContain(
        `the store ${store} has a relay already: process ${relay.pid} has the lock file`,
      );
    }
    process.kill(relay.pid, "SIGKILL");
    await relay.exited;
    await using next = await startRelay({ dir: relay.dir });
    expect(await next.stop()).toBe(0);
  });

  test.each<[string, (folder: Folder) => void]>([
    ["a directory", ({ store }) => mkdirSync(store)],
    [
      "a text file",
      ({ store }) => writeFileSync(store, "not a database, but long enough to look like one\n".repeat(100)),
    ],
    [
      "another program's SQLite database",
      ({ store }) => {
        const database = new DatabaseSync(store);
        database.exec("CREATE TABLE customer (name TEXT); PRAGMA user_version = 3");
        database.close();
      },
    ],
    ["in a folder that is not there", ({ dir }) => rmSync(dir, { recursive: true })],
    [
      "in a file's place",
      ({ dir }) => {
        rmSync(dir, { recursive: true });
        writeFileSync(dir, "");
      },
    ],
  ])("that is %s: one clear line, and the code is not 0", async (_, prepare) => {
    using folder = openFolder();
    prepare(folder);
    const { code, text } = await failedStart(argsFor(folder));
    expect(code).toBe(1);
    expect(text).toContain("the store cannot be opened");
    expect(text).toContain(folder.store);
  });

  test("where nobody may write, not even root: one clear line, and the code is not 0", async () => {
    const { code, text } = await failedStart([
      ...["--store", "/proc/fieldpost.db"],
      ...["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"],
    ]);
    expect(code).toBe(1);
    expect(text).toContain("/proc/fieldpost.db: the store cannot be opened");
  });

  test("of another program is left as it was", async () => {
    using folder = openFolder();
    const database = new DatabaseSync(folder.store);
    database.exec("CREATE TABLE customer (name TEXT); INSERT INTO customer VALUES ('Ada')");
    await failedStart(argsFor(folder));
    expect(database.prepare("SELECT name FROM sqlite_schema").all()).toEqual([{ name: "customer" }]);
    expect(database.prepare("SELECT name FROM customer").all()).toEqual([{ name: "Ada" }]);
    database.close();
  });
});

describe("an address", () => {
  test("that another relay has: the second says so and ends, the first goes on", async () => {
    await using first = await startRelay();
    using folder = openFolder();
    const { code, text } = await failedStart([
      ...["--workers", "1", "--store", folder.store, "--http", "127.0.0.1:0"],
      ...["--grpc", first.grpcAddress],
    ]);
    expect(code).toBe(1);
    expect(text).toContain(first.grpcAddress);
    expect(text).toMatch(/in use|taken|EADDRINUSE/i);
    expect((await fetch(`${first.httpUrl}/readyz`)).status).toBe(200);
  });

  test("that another program has: it says so and ends", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    using folder = openFolder();
    const { code, text } = await failedStart([
      "--store",
      folder.store,
      "--grpc",
      "127.0.0.1:0",
      "--http",
      address,
    ]);
    server.close();
    expect(code).toBe(1);
    expect(text).toContain(address);
  });

  test.each(["0.0.0.0:0", "[::]:0", "192.0.2.1:50051", "example.test:50051"])(
    "beyond this machine (%s) is refused without --insecure, and the message says what to do",
    async (address) => {
      using folder = openFolder();
      const { code, text } = await failedStart([
        "--store",
        folder.store,
        "--grpc",
        address,
        "--http",
        "127.0.0.1:0",
      ]);
      expect(code).not.toBe(0);
      expect(text).toContain(address);
      expect(text).toContain("--insecure");
    },
  );

  test("beyond this machine serves with --insecure", async () => {
    await using relay = await startRelay({ grpc: "0.0.0.0:0", args: ["--insecure"] });
    expect(relay.grpcAddress).toMatch(/^0\.0\.0\.0:\d+$/);
  });

  test("that is a unix socket serves", async () => {
    using folder = openFolder();
    await using relay = await startRelay({ dir: folder.dir, grpc: `unix:${join(folder.dir, "grpc.sock")}` });
    const { jobs } = await relay.client.listJobs({});
    expect(jobs).toEqual([]);
    expect(await relay.stop()).toBe(0);
  });
});

test("an unknown environment name of ours is refused by name", async () => {
  using folder = openFolder();
  const { code, text } = await failedStart(argsFor(folder), { FIELDPOST_WORKER: "2" });
  expect(code).not.toBe(0);
  expect(text).toContain("FIELDPOST_WORKER");
});
