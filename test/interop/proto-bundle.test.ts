/** The bundle of `npm run protos`: what it holds, that it is whole, and that its bytes are always the same. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { createFileRegistry, equals, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, onTestFinished, test } from "vitest";
import { protoBundleFiles, writeProtoArchive, writeProtoBundle } from "../support/proto-bundle.ts";
import { repository } from "../support/relay.ts";
import { lacking } from "../support/lacking.ts";

const protos = [
  "fieldmask/option.proto",
  "fieldpost/v1/job.proto",
  "fieldpost/v1/relay.proto",
  "google/api/annotations.proto",
  "google/api/field_behavior.proto",
  "google/api/http.proto",
  "google/rpc/code.proto",
  "google/rpc/error_details.proto",
  "google/rpc/status.proto",
];

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-bundle-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();
}

test("holds our protos and those that they need, with licences, each as it stands here", () => {
  const folder = temporaryFolder();
  writeProtoBundle(folder);
  expect(filesIn(folder)).toEqual(["LICENSE", "README.md", ...protos, "google/LICENSE"].toSorted());
  for (const [name, source] of protoBundleFiles()) {
    const text = readFileSync(join(folder, name), "utf8");
    expect(text).toBe(readFileSync(join(repository, source), "utf8"));
    if (/^google\/.*\.proto$/.test(name)) {
      expect(text).toMatch(
        /^\/\/ Copyright \d+ Google LLC\n\/\/\n\/\/ Licensed under the Apache License, Version 2.0/,
      );
    }
  }
});

test("compiles alone, to what the relay itself was built from", () => {
  const folder = temporaryFolder();
  writeProtoBundle(folder);
  const compile = ["build", ".", "--as-file-descriptor-set", "--exclude-source-info", "-o", "-"];
  const { file } = fromBinary(FileDescriptorSetSchema, execFileSync("buf", compile, { cwd: folder }));
  const descriptors = readFileSync(join(repository, "server/src/gen/descriptors.binpb"));
  const served = fromBinary(FileDescriptorSetSchema, descriptors);
  const registry = createFileRegistry(served);
  const ours = new Map(served.file.map((one) => [one.name, one]));
  const names = file.map(({ name }) => name);
  expect(names.filter((name) => !name.startsWith("google/protobuf/")).toSorted()).toEqual(protos);
  const differing = file.filter((one) => {
    const other = ours.get(one.name);
    return other === undefined || !equals(FileDescriptorProtoSchema, one, other, { unknown: true, registry });
  });
  expect(differing.map(({ name }) => name)).toEqual([]);
});

const noTar = isGnuTar() ? undefined : lacking("the archive of the protos", "there is no GNU tar");

describe.skipIf(noTar !== undefined)("the archive", () => {
  test("has the same bytes each time, and unpacks into one folder", () => {
    const archives = [1, 2].map((day) => {
      const folder = temporaryFolder();
      writeProtoBundle(folder);
      // What no archive of the same protos may show.
      for (const file of filesIn(folder)) utimesSync(join(folder, file), day * 86_400, day * 86_400);
      const archive = join(temporaryFolder(), "protos-1.2.3.tar.gz");
      writeProtoArchive(folder, archive);
      return archive;
    });
    const [first, second] = archives.map((archive) => readFileSync(archive));
    expect(first!.equals(second!)).toBe(true);

    const unpacked = temporaryFolder();
    execFileSync("tar", ["-xzf", archives[0]!, "-C", unpacked]);
    expect(filesIn(unpacked)).toEqual(
      [...protoBundleFiles().keys()].map((name) => `protos-1.2.3/${name}`).toSorted(),
    );
  });
});

test("npm run protos -- --out puts the folder where it is wanted", () => {
  const folder = join(temporaryFolder(), "new/protos");
  execFileSync("npm", ["run", "--silent", "protos", "--", "--out", folder], { cwd: repository });
  expect(filesIn(folder)).toEqual([...protoBundleFiles().keys()].toSorted());
});

function isGnuTar(): boolean {
  try {
    return execFileSync("tar", ["--version"], { encoding: "utf8" }).includes("GNU tar");
  } catch {
    return false;
  }
}
