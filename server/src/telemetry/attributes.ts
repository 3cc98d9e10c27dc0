/**
 * Every attribute name that Fieldpost writes. Those of the semantic conventions are copied from 1.45: the package would
 * cost each process its import, and its "Development" names may move with any minor version.
 */

// Stable.
export const ATTR_ERROR_TYPE = "error.type";
export const ATTR_HTTP_REQUEST_METHOD = "http.request.method";
export const ATTR_HTTP_REQUEST_RESEND_COUNT = "http.request.resend_count";
export const ATTR_HTTP_RESPONSE_STATUS_CODE = "http.response.status_code";
export const ATTR_HTTP_ROUTE = "http.route";
export const ATTR_RPC_METHOD = "rpc.method";
export const ATTR_RPC_STATUS_CODE = "rpc.status_code";
export const ATTR_RPC_SYSTEM_NAME = "rpc.system.name";
export const ATTR_SERVER_ADDRESS = "server.address";
export const ATTR_SERVER_PORT = "server.port";
export const ATTR_URL_FULL = "url.full";

// Development: may be renamed by the semantic conventions. Only this file changes then.
export const ATTR_MESSAGING_BATCH_MESSAGE_COUNT = "messaging.batch.message_count";
export const ATTR_MESSAGING_DESTINATION_NAME = "messaging.destination.name";
export const ATTR_MESSAGING_MESSAGE_ID = "messaging.message.id";
export const ATTR_MESSAGING_OPERATION_NAME = "messaging.operation.name";
export const ATTR_MESSAGING_OPERATION_TYPE = "messaging.operation.type";
/** Took the place of `messaging.system`. */
export const ATTR_MESSAGING_SYSTEM_NAME = "messaging.system.name";

// Our own.
/** The attempt's number, 1 for the first. */
export const ATTR_FIELDPOST_ATTEMPT = "fieldpost.attempt";
/** What became of the attempt: `succeeded`, `failed`, `not-sent`, `outcome-unknown`. */
export const ATTR_FIELDPOST_RESULT = "fieldpost.result";

export const MESSAGING_SYSTEM = "fieldpost";
export const RPC_SYSTEM = "grpc";
