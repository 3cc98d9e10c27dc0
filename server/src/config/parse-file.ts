/**
 * From the file's text to settings, each with its place. Values stay text, as they stand in the file, so that they are
 * read by the same types as flags are; YAML's own idea of numbers and truth is never asked.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, Scalar } from "yaml";
import type { Pair, ParsedNode } from "yaml";
import { closest } from "./closest.ts";
import { allOptions, fileKeyOf, laterOptions, serveOptions, sourceOptions } from "./options.ts";

export interface FileSetting {
  readonly text: string;
  /** Path, line and column of the value: `fieldpost.yaml:3:11`. */
  readonly place: string;
}

export interface ConfigFile {
  /** By the option's name. */
  readonly settings: ReadonlyMap<string, FileSetting>;
  /** One sentence each, with its place. Wrong values are not among them: the option's type finds those. */
  readonly problems: readonly string[];
}

/** A file that is none would bring one for each of its lines. */
const maxProblems = 20;

const options = new Map(Object.values(serveOptions).map((option) => [fileKeyOf(option), option]));
const later = new Set(laterOptions.map(fileKeyOf));
const ofOthers = new Map(allOptions.map((option) => [fileKeyOf(option), option]));

/** @param path as it stands in the messages */
export function parseConfigFile(text: string, path: string): ConfigFile {
  const lines = new LineCounter();
  const settings = new Map<string, FileSetting>();
  const problems: string[] = [];
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const report = (offset: number, problem: string): void => {
    problems.push(`${place(offset)}: ${problem}`);
  };

  const documents = parseAllDocuments(text, {
    // Of the schemas the one in which every scalar is a string.
    schema: "failsafe",
    // Reported here, with the place of the first one.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "silent",
    lineCounter: lines,
  });
  const [document, second] = [...documents];
  const done = (): ConfigFile => ({ settings, problems });
  // The first error only: those after it are its echoes, and what was read beside it may be a misunderstanding.
  const error = document?.errors[0] ?? document?.warnings.find(({ code }) => code !== "TAG_RESOLVE_FAILED");
  if (error !== undefined) {
    report(error.pos[0], `is not YAML as it should be: ${error.message.split("\n", 1)[0]}`);
    return done();
  }
  if (document === undefined) return done();
  if (second !== undefined) report(second.range[0], "a second document begins here, and only one is allowed");
  const { contents } = document;
  if (contents === null || isEmpty(contents)) return done();
  const begin = contents.range[0];
  const form = formProblem(contents);
  if (form !== undefined) report(begin, form);
  else if (!isMap(contents)) {
    const what = isSeq(contents) ? "a list" : "a single value";
    report(begin, `must be lines such as max_body: 1MiB (with a space after the colon), and is ${what}`);
  } else {
    const firsts = new Map<string, number>();
    for (const pair of contents.items) {
      if (problems.length > maxProblems) break;
      readPair(pair, firsts, { settings, lines, place, report });
    }
  }
  if (problems.length > maxProblems) problems.splice(maxProblems, Infinity, `${path}: and more problems`);
  return done();
}

interface Reading {
  readonly settings: Map<string, FileSetting>;
  readonly lines: LineCounter;
  readonly place: (offset: number) => string;
  readonly report: (offset: number, problem: string) => void;
}

/** @param firsts where each key stood first */
function readPair(
  { key: keyNode, value }: Pair<ParsedNode, ParsedNode | null>,
  firsts: Map<string, number>,
  { settings, lines, place, report }: Reading,
): void {
  const [begin] = keyNode.range;
  const keyForm = formProblem(keyNode);
  if (keyForm !== undefined || !isScalar(keyNode)) {
    report(begin, keyForm ?? "a key must be a name such as max_body");
    return;
  }
  const key = keyNode.source;
  const name = shown(key);
  const option = options.get(key);
  const first = firsts.get(key);
  if (first !== undefined) {
    report(begin, `${name}: stands in line ${lines.linePos(first).line} already`);
    return;
  }
  firsts.set(key, begin);
  if (option === undefined) {
    report(begin, `${name}: ${unknownKeyProblem(key)}`);
    return;
  }
  if (value === null || isNull(value)) {
    report(value?.range[0] ?? begin, `${name}: has no value; leave the key out to get the default`);
    return;
  }
  const [start, end] = value.range;
  const form = formProblem(value);
  if (form !== undefined) report(start, `${name}: ${form}`);
  else if (!isScalar(value)) {
    report(start, `${name}: must be a single value, and is ${isMap(value) ? "a mapping" : "a list"}`);
  } else if (lines.linePos(start).line !== lines.linePos(end).line) {
    report(start, `${name}: a value must stand on one line`);
  } else settings.set(option.name, { text: value.source, place: place(start) });
}

/** What YAML can and this file does not need: it would only hide what a value is. */
function formProblem(node: ParsedNode): string | undefined {
  if (isAlias(node)) return `aliases (*${shown(node.source)}) are not allowed`;
  if (node.anchor !== undefined) return `anchors (&${shown(node.anchor)}) are not allowed`;
  if (node.tag !== undefined) return `tags (${shown(node.tag)}) are not allowed`;
  return undefined;
}

function unknownKeyProblem(key: string): string {
  if (later.has(key)) return "not offered in this release";
  if (key === fileKeyOf(sourceOptions.configFile)) return "names this file, and cannot stand in it";
  const other = ofOthers.get(key);
  if (other !== undefined) return `is an option of ${other.commands.join(", ")}, not of serve`;
  const known = [...options.keys()];
  const plain = asFileKey(key);
  const meant = options.has(plain) ? plain : closest(plain, known);
  return `there is no such key${meant === undefined ? "" : `; did you mean ${meant}?`}`;
}

/** What --max-body, maxBody, Max-Body and FIELDPOST_MAX_BODY are here: max_body. */
function asFileKey(key: string): string {
  return key
    .replace(/^--/, "")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .replace(/[-. ]/g, "_")
    .toLowerCase()
    .replace(/^fieldpost_/, "");
}

/** `---` with nothing after it. */
function isEmpty(node: ParsedNode): boolean {
  return (
    isScalar(node) && node.source === "" && node.type === Scalar.PLAIN && formProblem(node) === undefined
  );
}

function isNull(node: ParsedNode): boolean {
  return (
    isScalar(node) &&
    node.type === Scalar.PLAIN &&
    formProblem(node) === undefined &&
    /^(?:~|null|Null|NULL|)$/.test(node.source)
  );
}

/** Keys are the file's: one may be as long as the file. */
function shown(text: string): string {
  const plain = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return /^[\w.-]+…?$/.test(plain) ? plain : JSON.stringify(plain);
}
