/** The relay as it runs from a user's node_modules: by npx, by path and from a global prefix, on Node 24 and on Node 26. */
import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { JobState } from "../../server/src/gen/fieldpost/v1/job.ts";
import { listServices, post } from "../journeys/setting.ts";
import { makeFolder, serveArguments, startProgram, toRelay } from "../support/relay.ts";
import type { Relay } from "../support/relay.ts";
import { measureSignalWindow } from "../support/signal-window.ts";
import { startTarget } from "../support/target.ts";
import type { PackedPackage } from "./pack.ts";
import { install, pathWith, runSystem } from "./system.ts";

const pin = `node-linux-${process.arch}`;
const node26 = "26.10.0";
const installTimeoutMs = 180_000;

/** Starts `serve` in `cwd`, with a store elsewhere, and waits until it serves. `path` comes before the system's. */
async function serve(
  [command, ...args]: readonly [string, ...string[]],
  { cwd, path = [] }: { cwd: string; path?: readonly string[] },
): Promise<Relay> {
  const dir = makeFolder();
  const program = startProgram(command, [...args, ...serveArguments({ dir })], {
    cwd,
    env: { PATH: pathWith(path), npm_config_update_notifier: "false" },
  });
  try {
    return await toRelay(program, { dir, store: join(dir, "fieldpost.db"), ownsDir: true });
  } catch (error) {
    await program[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
    throw error;
  }
}

/** The supervisor's, which is not that of npx. */
function pidOf(relay: Relay): number {
  return Number(relay.lines.find(({ msg }) => msg === "serving")!["pid"]);
}

/** The Node that all processes of a relay run on. */
function nodeOf(relay: Relay): string {
  const [node, ...others] = [pidOf(relay), ...relay.workerPids()].map((pid) =>
    readlinkSync(`/proc/${pid}/exe`),
  );
  expect(others).toEqual([node, node]);
  return node!;
}

async function versionOf(node: string): Promise<string> {
  return (await runSystem(node, ["--version"], { cwd: "/" })).stdout.trim();
}

/** What a user does with a relay: it is ready, describes itself, takes a job, delivers it, tells of it, and stops. */
async function expectToWork(relay: Relay, fieldpost: string): Promise<void> {
  await using target = await startTarget();
  expect((await fetch(`${relay.httpUrl}/readyz`)).status).toBe(200);
  expect(await listServices(relay, "v1")).toContain("fieldpost.v1.RelayService");
  const { name } = await relay.client.enqueue({ job: post(target.url, "hello") });
  const [request] = await target.received(1);
  expect(request!.body.toString()).toBe("hello");
  await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
  const masked = await relay.client.getJob({ name, readMask: ["response.status"] });
  expect(masked).toMatchObject({ name: "", state: 0, response: { status: 200 }, attempts: [] });
  const args = ["get", name, "--mask", "state,response.status", "--json", "--grpc", relay.grpcAddress];
  const shown = await runSystem(fieldpost, args, { cwd: "/" });
  expect(shown).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(shown.stdout)).toEqual({ state: "JOB_STATE_SUCCEEDED", response: { status: 200 } });
  await expectToStop(relay);
}

/** Graceful, and without a word beside the log: no warning of Node's either. */
async function expectToStop(relay: Relay): Promise<void> {
  process.kill(pidOf(relay), "SIGTERM");
  expect(await relay.exited).toEqual({ code: 0, signal: null });
  await relay.gone();
  expect(relay.text()).toBe("");
}

export function describeInstalledRelay(packages: readonly PackedPackage[], dir: string): void {
  const tarballs = packages.map(({ tarball }) => tarball);
  const folder = join(dir, "häuser und höfe");
  const folder26 = join(dir, "node 26");
  const bin = join(folder, "node_modules/.bin");
  const main = join(folder, "node_modules/@fieldpost/server/dist/main.js");
  const own = join(folder26, "node_modules", pin, "bin");

  beforeAll(async () => {
    mkdirSync(folder);
    mkdirSync(folder26);
    // As the README says it: npm's own way to have another version of what a dependency brings.
    writeFileSync(join(folder26, "package.json"), JSON.stringify({ overrides: { [pin]: node26 } }));
    await Promise.all([install(folder, tarballs), install(folder26, tarballs)]);
  }, 2 * installTimeoutMs);
  // 600 MB: on a busy machine not a matter of seconds.
  afterAll(async () => {
    for (const one of [folder, folder26]) await rm(one, { recursive: true, force: true });
  }, installTimeoutMs);

  test("npx fieldpost serve works on the Node that it brings", async () => {
    await using relay = await serve(["npx", "fieldpost"], { cwd: folder });
    expect(nodeOf(relay)).toBe(join(folder, "node_modules", pin, "bin/node"));
    expect(await versionOf(nodeOf(relay))).toMatch(/^v24\./);
    await expectToWork(relay, join(bin, "fieldpost"));
  });

  test("npx fieldpost serve works on Node 26, where package.json overrides the one that it brings", async () => {
    await using relay = await serve(["npx", "fieldpost"], { cwd: folder26 });
    expect(nodeOf(relay)).toBe(join(own, "node"));
    expect(await versionOf(nodeOf(relay))).toBe(`v${node26}`);
    await expectToWork(relay, join(folder26, "node_modules/.bin/fieldpost"));
  });

  test("fieldpost reload puts the release, and its Node, that a symlink leads to by then into the same process", async () => {
    const current = join(dir, "current");
    symlinkSync(folder, current);
    const fieldpost = join(current, "node_modules/.bin/fieldpost");
    await using target = await startTarget();
    await using relay = await serve([fieldpost], { cwd: current });
    expect(await versionOf(nodeOf(relay))).toMatch(/^v24\./);
    const names: string[] = [];
    let isDone = false;
    const enqueuing = (async () => {
      while (!isDone) names.push((await relay.client.enqueue({ job: post(target.url, "hello") })).name);
    })();

    symlinkSync(folder26, `${current}.new`);
    renameSync(`${current}.new`, current);
    const reloading = runSystem(fieldpost, ["reload", "--store", relay.store], { cwd: current });
    const windowMs = await measureSignalWindow(relay.pid, "SIGUSR2", reloading);
    const reloaded = await reloading;
    process.stdout.write(
      `while it was upgraded, a raw signal would have ended it for ${windowMs.toFixed(0)} ms\n`,
    );
    expect(reloaded).toMatchObject({ code: 0, stderr: "" });
    expect(reloaded.stdout).toMatch(/^supervisor and 2 workers replaced in \d+\.\d s\n$/);
    isDone = true;
    await enqueuing;

    expect(pidOf(relay)).toBe(relay.pid);
    expect(nodeOf(relay)).toBe(join(own, "node"));
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) await relay.client.reached(name, JobState.JOB_STATE_SUCCEEDED);
    await expectToWork(relay, fieldpost);
  });

  test("a signal to npx, which does not wait for what it started, still ends the relay gracefully", async () => {
    await using relay = await serve(["npx", "fieldpost"], { cwd: folder });
    relay.signal("SIGTERM");
    expect(await relay.line("stopped")).toMatchObject({ exitCode: 0 });
    await relay.gone();
    expect(relay.text()).toBe("");
  });

  test("through symlinks from elsewhere the process that is started is the one that serves", async () => {
    const link = join(dir, "fieldpost link");
    symlinkSync(join(bin, "fieldpost"), link);
    await using relay = await serve([link], { cwd: "/" });
    expect(pidOf(relay)).toBe(relay.pid);
    await expectToStop(relay);
  });

  test("with a Node of the user's own, without the launcher", async () => {
    await using relay = await serve([join(own, "node"), "--disable-sigusr1", main], { cwd: dir });
    expect(nodeOf(relay)).toBe(join(own, "node"));
    await expectToStop(relay);
  });

  test("where no Node was brought, on the one of the PATH", async () => {
    const [brought, away] = [join(folder, "node_modules", pin), join(dir, "away")];
    renameSync(brought, away);
    try {
      await using relay = await serve(["npx", "fieldpost"], { cwd: folder, path: [own] });
      expect(nodeOf(relay)).toBe(join(own, "node"));
      await expectToWork(relay, join(folder26, "node_modules/.bin/fieldpost"));
    } finally {
      renameSync(away, brought);
    }
  });

  test(
    "installed with --omit=optional it says in one line what is missing",
    async () => {
      const omitting = join(dir, "omitting");
      mkdirSync(omitting);
      await install(omitting, tarballs, ["--omit=optional"]);
      const ended = await runSystem("npx", ["fieldpost", ...serveArguments({ dir: omitting })], {
        cwd: omitting,
        path: [own],
      });
      expect(ended).toMatchObject({ code: 1, stdout: "" });
      expect(ended.stderr).toMatch(/^fieldpost: [^\n]*@koromix\/koffi-linux-[^\n]*--omit=optional\n$/);
    },
    installTimeoutMs,
  );

  test(
    "installed globally, under a prefix with a space",
    async () => {
      const prefix = join(dir, "glo bal");
      await install(dir, tarballs, ["--global", "--prefix", prefix]);
      const fieldpost = join(prefix, "bin/fieldpost");
      await using relay = await serve([fieldpost], { cwd: "/" });
      expect(nodeOf(relay).startsWith(`${prefix}/`)).toBe(true);
      await expectToWork(relay, fieldpost);
      await rm(prefix, { recursive: true });
    },
    installTimeoutMs,
  );
}
