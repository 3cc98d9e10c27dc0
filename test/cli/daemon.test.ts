/** `fieldpost serve` in the background, with the files that belong to it. */
import { existsSync, readFileSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { launcher, makeFolder, serveArguments, startProgram, until, type Program } from "../support/relay.ts";

function folder(): string {
  const dir = makeFolder();
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const start = (dir: string, args: readonly string[]): Program =>
  startProgram(launcher, [...serveArguments({ dir, args })], { cwd: dir });

/** Its end, and what it said. */
async function endOf(program: Program): Promise<{ code: number | null; text: string }> {
  const { code } = await program.exited;
  await program.textLine(/^/).catch(() => {});
  return { code, text: program.text() };
}

const messagesIn = (file: string): unknown[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { msg: unknown }).msg);

const background = ["--daemon", "--log-file", "relay.log", "--pid-file", "relay.pid"];

describe("fieldpost serve --daemon", () => {
  it("returns when the relay serves; reload, status and SIGUSR1 find it", async () => {
    const dir = folder();
    await using program = start(dir, background);
    const { code, text } = await endOf(program);
    expect({ code, text }).toEqual({
      code: 0,
      text: expect.stringMatching(
        /^fieldpost: process \d+ serves grpc 127\.0\.0\.1:\d+, http 127\.0\.0\.1:\d+$/,
      ),
    });
    const [pid, port] = [/process (\d+)/, /http \S+:(\d+)/].map((one) => Number(one.exec(text)?.[1]));
    expect(readFileSync(join(dir, "relay.pid"), "utf8")).toBe(`${pid}\n`);
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);

    const log = join(dir, "relay.log");
    renameSync(log, `${log}.1`);
    process.kill(pid!, "SIGUSR1");
    await until(() => existsSync(log) && messagesIn(log).includes("log file reopened"));
    const control = join(dir, "fieldpost.db.control");
    await using reload = startProgram(launcher, ["reload", "--control", control]);
    expect(await endOf(reload)).toMatchObject({ code: 0 });
    await using status = startProgram(launcher, ["status", "--json", "--control", control]);
    const line = await status.exited.then(() => status.lines[0]);
    expect(line).toMatchObject({ pid, phase: "running" });
    expect(messagesIn(log)).toContain("reloaded");
    expect(messagesIn(`${log}.1`).at(-1)).not.toBe("reloaded");

    await using second = start(dir, background);
    expect(await endOf(second)).toEqual({
      code: 1,
      text: `fieldpost: the store ${join(dir, "fieldpost.db")} has a relay already: process ${pid} has the lock file ${join(dir, "fieldpost.db-relay")}: one supervisor at a time can have it`,
    });
    process.kill(pid!, "SIGTERM");
    await program.gone();
    expect(messagesIn(log).at(-1)).toBe("stopped");
    expect(readdirSync(dir)).not.toContain("relay.pid");
  });

  it("needs a log file", async () => {
    await using program = start(folder(), ["--daemon"]);
    expect(await endOf(program)).toEqual({
      code: 2,
      text: "fieldpost: --daemon true needs --log-file: nobody reads the output of a relay in the background\n  see fieldpost help serve",
    });
  });

  it("says why the relay does not start", async () => {
    const dir = folder();
    await using program = start(dir, ["--daemon", "--log-file", "none/relay.log"]);
    expect(await endOf(program)).toEqual({
      code: 1,
      text: `fieldpost: cannot write the log file ${join(dir, "none/relay.log")} (ENOENT): its folder must exist`,
    });
  });

  it("takes the relay with it when it is interrupted", async () => {
    const dir = folder();
    await using program = start(dir, background);
    await until(() => existsSync(join(dir, "relay.pid.new")));
    program.signal("SIGINT");
    expect(await endOf(program)).toEqual({ code: 130, text: "" });
    await program.gone();
    expect(readdirSync(dir)).not.toContain("relay.pid");
  });
});

describe("fieldpost serve --log-file", () => {
  it("serves on where the disk of its log is full", async () => {
    const dir = folder();
    await using program = start(dir, ["--daemon", "--log-file", "/dev/full"]);
    const { code, text } = await endOf(program);
    expect(code).toBe(0);
    const [pid, port] = [/process (\d+)/, /http \S+:(\d+)/].map((one) => Number(one.exec(text)?.[1]));
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    process.kill(pid!, "SIGTERM");
    await program.gone();
  });
});
