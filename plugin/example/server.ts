// A gRPC server with masks: `node plugin/example/server.ts 127.0.0.1:50051`. Prints the address when it listens.

import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import { MaskError, touches } from "@fieldpost/fieldmask";
import type { NonEmpty, UserInfoRequest, UserInfoResponse } from "./gen/user_info.ts";
import { UserInfoService } from "./gen/user_info.ts";
import type { UserInfoServer } from "./gen/user_info.ts";
import {
  applyUserInfoRequestFieldMask,
  applyUserInfoRequestFieldMaskIn,
  parseUserInfoRequestFieldMask,
} from "./gen/user_info_fieldmask.ts";

const users = new Map<string, UserInfoResponse>([
  ["ada", { userId: "ada", name: "Ada", email: "ada@example.com", address: undefined }],
]);

/** Expensive, so that it is looked up only for those who want to know. */
let addressLookups = 0;
function lookUpAddress(): UserInfoResponse["address"] {
  addressLookups++;
  return { country: "UK", province: "London" };
}

const service: UserInfoServer = {
  getUserInfo({ request }, answer) {
    answerWith(answer, () => getUserInfo(request));
  },
  updateUserInfo({ request }, answer) {
    answerWith(answer, () => updateUserInfo(request));
  },
};

function getUserInfo(request: UserInfoRequest): UserInfoResponse {
  const user = find(request.userId);
  const read = parseUserInfoRequestFieldMask(request.fieldMask);
  const isAddressWanted = read.ok && user.address === undefined && touches(read.mask, "address");
  const whole = isAddressWanted ? { ...user, address: lookUpAddress() } : user;
  return applyUserInfoRequestFieldMask(request, whole);
}

function updateUserInfo(request: UserInfoRequest): NonEmpty {
  const { userId, ...user } = find(request.userId);
  // The mask is relative to the request, so what is stored takes its shape; the id is not for changing.
  const updated = applyUserInfoRequestFieldMaskIn(request, { ...user, userId, fieldMask: undefined });
  const { name, email, address } = updated;
  users.set(userId, { userId, name, email, address });
  return {};
}

class NotFound extends Error {}

function find(userId: string): UserInfoResponse {
  const user = users.get(userId);
  if (user === undefined) throw new NotFound(`there is no user ${JSON.stringify(userId)}`);
  return user;
}

type Answer<T> = (error: { code: status; details: string } | null, value?: T) => void;

function answerWith<T>(answer: Answer<T>, work: () => T): void {
  try {
    answer(null, work());
  } catch (error) {
    if (error instanceof MaskError) answer({ code: status.INVALID_ARGUMENT, details: error.message });
    else if (error instanceof NotFound) answer({ code: status.NOT_FOUND, details: error.message });
    else throw error;
  }
}

const server = new Server();
server.addService(UserInfoService, service);
server.bindAsync(process.argv[2] ?? "127.0.0.1:50051", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  console.log(`listening on 127.0.0.1:${port}`);
});
process.once("SIGTERM", () => {
  console.log(`addresses looked up: ${addressLookups}`);
  server.tryShutdown(() => undefined);
});
