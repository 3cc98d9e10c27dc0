// What is generated for requests: callers fill the mask, servers apply it. For both targets.

import { create } from "@bufbuild/protobuf";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { MaskError, includes, toBadRequest, touches } from "@fieldpost/fieldmask";
import { describe, expect, test } from "vitest";
import * as es from "./gen/protobuf-es/vectors_masks_fieldmask.ts";
import * as esRequests from "./gen/protobuf-es/vectors_masks_pb.ts";
import { CardSchema } from "./gen/protobuf-es/vectors_pb.ts";
import * as esService from "./gen/protobuf-es/vectors_service_fieldmask.ts";
import * as esServiceRequests from "./gen/protobuf-es/vectors_service_pb.ts";
import * as tsProto from "./gen/ts-proto/vectors_masks_fieldmask.ts";
import * as service from "./gen/ts-proto/vectors_service_fieldmask.ts";

const card = { number: "1", expYear: 2030, holderName: "Ada" };

describe("ts-proto", () => {
  test("a caller adds paths, in a copy", () => {
    const request = { readMask: ["number"] };
    const more = tsProto.withReadCardRequestReadMask(request, "exp_year", "number");
    expect(more).toEqual({ readMask: ["number", "exp_year"] });
    expect(request).toEqual({ readMask: ["number"] });
    expect(tsProto.withReadCardRequestReadMask({ readMask: undefined }, "*")).toEqual({ readMask: ["*"] });
  });

  test("a read mask is applied; without one, all is answered", () => {
    const read = (readMask: string[] | undefined) => tsProto.applyReadCardRequestReadMask({ readMask }, card);
    expect(read(["number"])).toEqual({ number: "1", expYear: 0, holderName: "" });
    expect(read(undefined)).toEqual(card);
    expect(read([])).toEqual(card);
    const nothing = { emptyMask: "nothing" } as const;
    expect(tsProto.applyReadCardRequestReadMask({ readMask: [] }, card, nothing)).toEqual({
      number: "",
      expYear: 0,
      holderName: "",
    });
  });

  test("an update mask is applied to the resource of the request", () => {
    const patch = { number: "2", expYear: 0, holderName: "Eve" };
    const update = (updateMask: string[] | undefined, resource: typeof patch | undefined = patch) =>
      tsProto.applyUpdateCardRequestUpdateMask({ updateMask, resource }, card);
    expect(update(["number", "exp_year"])).toEqual({ number: "2", expYear: 0, holderName: "Ada" });
    expect(update(undefined)).toEqual({ number: "2", expYear: 2030, holderName: "Eve" });
    expect(update(["*"])).toEqual(patch);
    const withoutResource = { updateMask: ["number"], resource: undefined };
    expect(tsProto.applyUpdateCardRequestUpdateMask(withoutResource, card)).toEqual({ ...card, number: "" });
    const everything = { updateMask: ["*"], resource: undefined };
    expect(tsProto.applyUpdateCardRequestUpdateMask(everything, card)).toEqual({
      number: "",
      expYear: 0,
      holderName: "",
    });
  });

  test("a mask without resource is relative to the request", () => {
    const request = {
      profile: { profileId: "p", inner: undefined, inners: [], innerByKey: new Map(), choice: undefined },
      updateMask: ["profile.profile_id"],
    };
    const target = { profile: undefined, updateMask: undefined };
    expect(service.applyUpdateProfileRequestUpdateMask(request, target)).toEqual({
      profile: request.profile,
      updateMask: undefined,
    });
  });

  test("all wrong paths are told at once, as the details of an error", () => {
    const wrong = { readMask: ["number", "expYear", "nope"] };
    let violations: unknown;
    try {
      tsProto.applyReadCardRequestReadMask(wrong, card);
    } catch (error) {
      if (error instanceof MaskError) violations = toBadRequest(error.violations, "read_mask");
    }
    expect(violations).toEqual({
      fieldViolations: [
        {
          field: "read_mask.paths[1]",
          description:
            'The path "expYear" has "expYear", which is no field of vectors.v1.Card. Did you mean exp_year?',
          reason: "UNKNOWN_FIELD",
        },
        {
          field: "read_mask.paths[2]",
          description: 'The path "nope" has "nope", which is no field of vectors.v1.Card.',
          reason: "UNKNOWN_FIELD",
        },
      ],
    });
  });

  test("a mask for both sides takes the paths of both, and each side asks for its own", () => {
    const paths = ["inner.a_field", "profile_id"];
    const response = service.parseGetProfileRequestFieldMask(paths);
    const request = service.parseGetProfileRequestFieldMaskIn(paths);
    if (!response.ok || !request.ok) throw new Error("both are valid");
    expect([touches(response.mask, "inner"), includes(response.mask, "inner")]).toEqual([true, false]);
    expect(includes(request.mask, "profile_id")).toBe(true);
    expect(service.validateGetProfileRequestFieldMask(["neither"])).toHaveLength(1);
  });
});

describe("protobuf-es", () => {
  const message = create(CardSchema, card);

  test("a caller adds paths, in a copy", () => {
    const request = create(esRequests.ReadCardRequestSchema);
    const more = es.withReadCardRequestReadMask(request, "number");
    expect(more).toEqual(
      create(esRequests.ReadCardRequestSchema, { readMask: create(FieldMaskSchema, { paths: ["number"] }) }),
    );
    expect(request.readMask).toBeUndefined();
    expect(es.withReadCardRequestReadMask(more, "exp_year").readMask?.paths).toEqual(["number", "exp_year"]);
  });

  test("masks are applied", () => {
    const readMask = create(FieldMaskSchema, { paths: ["number"] });
    expect(es.applyReadCardRequestReadMask({ readMask }, message)).toEqual(
      create(CardSchema, { number: "1" }),
    );
    expect(es.applyReadCardRequestReadMask({}, message)).toEqual(message);
    const updateMask = create(FieldMaskSchema, { paths: ["holder_name"] });
    const resource = create(CardSchema, { holderName: "Eve", number: "9" });
    expect(es.applyUpdateCardRequestUpdateMask({ updateMask, resource }, message)).toEqual(
      create(CardSchema, { ...card, holderName: "Eve" }),
    );
  });

  test("a mask without resource is relative to the request", () => {
    const updateMask = create(FieldMaskSchema, { paths: ["profile.profile_id"] });
    const schema = esServiceRequests.UpdateProfileRequestSchema;
    const request = create(schema, { profile: { profileId: "p", inner: { aField: "a" } }, updateMask });
    expect(esService.applyUpdateProfileRequestUpdateMask(request, create(schema))).toEqual(
      create(schema, { profile: { profileId: "p" } }),
    );
  });
});
