import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fileKeyOf, laterOptions, serveOptions } from "../../server/src/config/options.ts";
import { parseConfigFile } from "../../server/src/config/parse-file.ts";

const problemsIn = (text: string): readonly string[] => parseConfigFile(text, "f.yaml").problems;
const settingsIn = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...parseConfigFile(text, "f.yaml").settings].map(([name, setting]) => [name, setting.text]),
  );

describe("a configuration file", () => {
  it.each(["", "\n", "# nothing yet\n", "---\n", "--- # nothing\n...\n", "{}\n"])(
    "may set nothing: %j",
    (text) => expect(parseConfigFile(text, "f.yaml")).toEqual({ settings: new Map(), problems: [] }),
  );

  it("gives each value as it stands there, with its place", () => {
    const { settings, problems } = parseConfigFile(
      "# sizes\nmax_body:  1.50MiB   # of a job\n\nmax_depth: 0x10\r\nretry_multiplier: 2.0\nstore: a b.db\n",
      "/etc/f.yaml",
    );
    expect(problems).toEqual([]);
    expect([...settings]).toEqual([
      ["max-body", { text: "1.50MiB", place: "/etc/f.yaml:2:12" }],
      ["max-depth", { text: "0x10", place: "/etc/f.yaml:4:12" }],
      ["retry-multiplier", { text: "2.0", place: "/etc/f.yaml:5:19" }],
      ["store", { text: "a b.db", place: "/etc/f.yaml:6:8" }],
    ]);
  });

  it.each([
    [
      "quotes",
      `store: "a\\x2eb"\npid_file: 'null'\ngrpc: "[::1]:80"\n`,
      { store: "a.b", "pid-file": "null", grpc: "[::1]:80" },
    ],
    ["JSON", '{"workers": 2, "insecure": true}', { workers: "2", insecure: "true" }],
    ["a document's marks and a version", "%YAML 1.2\n---\nworkers: 2\n...\n", { workers: "2" }],
    ["no YAML 1.1 truth", "%YAML 1.1\n---\ninsecure: yes\n", { insecure: "yes" }],
    ["a quoted key", '"workers": 2\n', { workers: "2" }],
    ["no end of the last line", "workers: 2", { workers: "2" }],
  ])("may have %s", (_, text, settings) => {
    expect(problemsIn(text)).toEqual([]);
    expect(settingsIn(text)).toEqual(settings);
  });

  it.each([
    ["workers: 2\nmax_bodi: 1MiB\n", "2:1: max_bodi: there is no such key; did you mean max_body?"],
    ["max-body: 1MiB\n", "1:1: max-body: there is no such key; did you mean max_body?"],
    ["--max-body: 1MiB\n", "1:1: --max-body: there is no such key; did you mean max_body?"],
    ["maxBody: 1MiB\n", "1:1: maxBody: there is no such key; did you mean max_body?"],
    [
      "retryInitialBackoff: 1s\n",
      "1:1: retryInitialBackoff: there is no such key; did you mean retry_initial_backoff?",
    ],
    ["FIELDPOST_MAX_BODY: 1MiB\n", "1:1: FIELDPOST_MAX_BODY: there is no such key; did you mean max_body?"],
    ["max.body: 1MiB\n", "1:1: max.body: there is no such key; did you mean max_body?"],
    ["blue_cheese: 1\n", "1:1: blue_cheese: there is no such key"],
    ["constructor: 1\n", "1:1: constructor: there is no such key"],
    ["<<: {workers: 1}\n", '1:1: "<<": there is no such key'],
    ["'a b\tc': 1\n", '1:1: "a b\\tc": there is no such key'],
    [`${"k".repeat(500)}: 1\n`, `1:1: ${"k".repeat(60)}…: there is no such key`],
    ["config: other.yaml\n", "1:1: config: names this file, and cannot stand in it"],
    ["deadline: 3s\n", "1:1: deadline: is an option of enqueue, get, list, not of serve"],
    ...laterOptions.map((later) => [
      `${fileKeyOf(later)}: x\n`,
      `1:1: ${fileKeyOf(later)}: not offered in this release`,
    ]),
    ["workers: 2\n\nworkers: 3\n", "3:1: workers: stands in line 1 already"],
    ["? [workers]\n: 2\n", "1:3: a key must be a name such as max_body"],
    [": 2\n", '1:1: "": there is no such key'],
    ["workers:\n", "1:9: workers: has no value; leave the key out to get the default"],
    ["? workers\n", "1:3: workers: has no value; leave the key out to get the default"],
    ["pid_file: ~\n", "1:11: pid_file: has no value; leave the key out to get the default"],
    ["pid_file: null # none\n", "1:11: pid_file: has no value; leave the key out to get the default"],
    ["workers: [2]\n", "1:10: workers: must be a single value, and is a list"],
    ["workers:\n  - 2\n", "2:3: workers: must be a single value, and is a list"],
    ["workers:\n  count: 2\n", "2:3: workers: must be a single value, and is a mapping"],
    ["workers: {}\n", "1:10: workers: must be a single value, and is a mapping"],
    ["workers: &n 2\n", "1:13: workers: anchors (&n) are not allowed"],
    ["workers: *n\n", "1:10: workers: aliases (*n) are not allowed"],
    ["workers: !!int 2\n", '1:16: workers: tags ("tag:yaml.org,2002:int") are not allowed'],
    ["workers: !!str 2\n", '1:16: workers: tags ("tag:yaml.org,2002:str") are not allowed'],
    ["workers: !n 2\n", '1:13: workers: tags ("!n") are not allowed'],
    ["!!map\nworkers: 2\n", '2:1: tags ("tag:yaml.org,2002:map") are not allowed'],
    ["&all\nworkers: 2\n", "2:1: anchors (&all) are not allowed"],
    ["store: |\n  a.db\n", "1:8: store: a value must stand on one line"],
    ["store: a\n  b.db\n", "1:8: store: a value must stand on one line"],
    ["store: 'a\n  b.db'\n", "1:8: store: a value must stand on one line"],
    [
      "- workers: 2\n",
      "1:1: must be lines such as max_body: 1MiB (with a space after the colon), and is a list",
    ],
    [
      "workers:2\n",
      "1:1: must be lines such as max_body: 1MiB (with a space after the colon), and is a single value",
    ],
    [
      "null\n",
      "1:1: must be lines such as max_body: 1MiB (with a space after the colon), and is a single value",
    ],
    ["workers: 2\n---\nworkers: 3\n", "2:1: a second document begins here, and only one is allowed"],
    ["workers: 2\n...\n---\n", "3:1: a second document begins here, and only one is allowed"],
  ])("is refused with the place and one sentence: %j", (text, problem) => {
    expect(problemsIn(text)).toEqual([`f.yaml:${problem}`]);
  });

  it.each([
    ["workers: [2\nmax_body: 1MiB\n", "2:1"],
    ["workers: 2\n max_body: 1MiB\n", "1:10"],
    ["workers: 2: 3\n", "1:10"],
    ["workers: 'two\n", "2:1"],
    ["workers:\n\t- 2\n", "2:1"],
    ["workers: 2\nmax_body\n", "2:1"],
    ["workers: @2\n", "1:10"],
    ["workers: 2\n<<<<<<< HEAD\nmax_body: 1MiB\n", "2:1"],
    ["%NO such\n---\nworkers: 2\n", "1:1"],
  ])("that is no YAML is refused with the place of its first error, and nothing else: %j", (text, place) => {
    const problems = problemsIn(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^f\.yaml:\d+:\d+: is not YAML as it should be: \S/);
    expect(problems[0]).toContain(`f.yaml:${place}: `);
  });

  it("is told everything that is wrong with it in one go, but not without end", () => {
    expect(problemsIn("a: 1\nb: 2\nworkers:\nmax_body: [1]\n")).toHaveLength(4);
    const many = problemsIn(Array.from({ length: 5000 }, (_, index) => `k${index}: 1\n`).join(""));
    expect(many).toHaveLength(21);
    expect(many.at(-1)).toBe("f.yaml: and more problems");
  });

  it("does not blow up what it holds", () => {
    const bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"];
    for (let level = 0; level < 9; level++) {
      const of = level === 0 ? "a" : `k${level - 1}`;
      bomb.push(`k${level}: &k${level} [${Array.from({ length: 9 }, () => `*${of}`).join(", ")}]`);
    }
    expect(problemsIn(`${bomb.join("\n")}\nworkers: *k8\n`).length).toBeGreaterThan(9);
  });

  it("never throws, whatever it is", () => {
    const piece = fc.constantFrom(
      ...[
        "workers",
        ": ",
        "\n",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "&a ",
        "*a",
        "!t ",
        "|",
        ">",
        "'",
        '"',
        "#",
        "---",
        "...",
        "?",
        "\t",
        "  ",
        "%",
        "\0",
        "é",
        "1",
      ],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        for (const problem of problemsIn(pieces.join(""))) expect(problem).toMatch(/^f\.yaml:(\d+:\d+: |)/);
      }),
      { numRuns: 2000 },
    );
    for (const text of ["[", "{a: ", "- ", "? ", "!!x ", "&x ", "a: '"]) {
      expect(problemsIn(text.repeat(10_000)).length).toBeGreaterThan(0);
    }
  });

  it("knows every option of serve by one key", () => {
    const text = Object.values(serveOptions)
      .map((option) => `${fileKeyOf(option)}: x\n`)
      .join("");
    const { settings, problems } = parseConfigFile(text, "f.yaml");
    expect(problems).toEqual([]);
    expect(settings.size).toBe(Object.keys(serveOptions).length);
  });
});
