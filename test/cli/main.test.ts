import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { serveOptions, type ServeOption } from "../../server/src/config/options.ts";
import { launcher, run } from "./fixtures/run.ts";

const main = join(launcher, "../../src/main.ts");

describe("fieldpost", () => {
  it("prints help with every command of this release and no other", async () => {
    const result = await run(["--help"]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    const listed = [...result.stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name);
    expect(listed.join(" ")).toBe("serve enqueue get list cancel retry delete reload status help");
  });

  it("prints help for serve with every option, its default and what a change of it takes", async () => {
    const result = await run(["help", "serve"]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    const help = result.stdout.replaceAll(/\s+/g, " ");
    for (const option of Object.values(serveOptions)) {
      expect(help).toContain(`--${option.name} `);
    }
    for (const { default: value, reload } of Object.values(serveOptions) as ServeOption<unknown>[]) {
      const told = value === undefined || value === "false" ? reload : `default: ${value}; ${reload}`;
      expect(help).toContain(`(${told})`);
    }
    expect(help).toContain("--config <file>");
    const others = await run(["help", "get"]);
    expect(others.stdout).toContain("(default: 127.0.0.1:50051)");
    expect(help).not.toContain("--tls-cert");
  });

  it("says in one line that the Node it was started with is too old", async () => {
    const older =
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '22.22.0' } })";
    const result = await run(
      ["--conditions=@fieldpost/source", `--import=data:text/javascript,${older}`, main, "serve"],
      { command: process.execPath },
    );
    expect(result).toMatchObject({ code: 1, stdout: "" });
    expect(result.stderr).toMatch(/^fieldpost: needs Node 24 or later \(found: v[^\n]*\)\n$/);
  });

  it("asks for a command when there is none", async () => {
    const result = await run([]);
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr).toContain("Usage: fieldpost");
  });

  it("suggests what an unknown command may have meant", async () => {
    const result = await run(["enqeue"]);
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr).toContain("unknown command 'enqeue'");
    expect(result.stderr).toContain("Did you mean enqueue?");
  });

  it.each("watch update trace queue schedule route token store doctor completion".split(" "))(
    "says that %s is not in this release",
    async (name) => {
      expect(await run([name, "x", "--whatever"])).toEqual({
        code: 2,
        signal: null,
        stdout: "",
        stderr: `fieldpost: "${name}" is not in this release\n`,
      });
    },
  );

  it("refuses a wrong configuration of serve before anything starts", async () => {
    const args = ["serve", "--workers", "none", "--grpc", "0.0.0.0:1", "--tls-cert", "x"];
    const result = await run(args, { env: { FIELDPOST_STOER: "x" } });
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr.trimEnd().split("\n")).toEqual([
      "fieldpost: flag --tls-cert: not offered in this release",
      "fieldpost: environment FIELDPOST_STOER: there is no such option; did you mean FIELDPOST_STORE?",
      expect.stringMatching(
        /^fieldpost: flag --workers: "none" is not a whole number from 1 to 1,024, or auto$/,
      ),
      "  see fieldpost help serve",
    ]);
  });

  it("ends quietly when nobody reads the help", async () => {
    const result = await run(
      ["-c", '"$0" help enqueue | true', (await import("./fixtures/run.ts")).launcher],
      {
        command: "/bin/sh",
      },
    );
    expect(result).toMatchObject({ code: 0, stderr: "" });
  });
});
