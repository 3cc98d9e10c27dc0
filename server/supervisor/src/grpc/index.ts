/**
 * A `@grpc/grpc-js` server on an inherited socket. grpc-js itself comes in through the arguments: this module loads nothing of it.
 *
 * @module
 */
import net from "node:net";

import type { experimental, Server, ServerCredentials } from "@grpc/grpc-js";

import type { WatchedCertificate } from "../worker/certificate.ts";
import type { Listener, Serving } from "../worker/listen.ts";

// The injector's own end of grace would send CANCELLED, which no client retries. It is put off for ever (the longest timer there
// is): at the deadline the connections are cut instead, and clients see UNAVAILABLE.
const NEVER_MS = 2 ** 31 - 1;
// A TLS handshake that was under way when the drain began becomes a session only after it.
const REPEAT_MS = 250;
// A connection on which the client has said nothing has no session to send GOAWAY to. One that has just been opened gets this long.
const SILENT_GRACE_MS = 1000;

/**
 * Lets a gRPC server listen here, with TLS or without; settles when it does. grpc-js cannot listen on a descriptor, so the connections are
 * accepted for it. Its drain sends GOAWAY, lets running calls come to their end and cuts what is left at the deadline;
 * a server that has endless streams ends them itself when the drain begins (`onDrain`). Do not call `tryShutdown`:
 * on Node 24 it calls back while calls of an injected connection are still running.
 */
export async function serveGrpc(options: {
  server: Server;
  credentials: ServerCredentials;
  listener: Listener;
}): Promise<Serving> {
  const { server, credentials, listener } = options;
  const injector = server.createConnectionInjector(credentials);
  const acceptor = net.createServer({ noDelay: true }, (socket) => injector.injectConnection(socket));
  const connections = await listener.serve(acceptor);
  return {
    get connections() {
      return connections.size;
    },
    async drain(deadlineMs) {
      listener.close();
      injector.drain(NEVER_MS);
      const repeat = setInterval(() => injector.drain(NEVER_MS), REPEAT_MS);
      try {
        const silentMs = Math.min(SILENT_GRACE_MS, deadlineMs / 2);
        return await connections.drain(deadlineMs, { silentMs });
      } finally {
        clearInterval(repeat);
      }
    },
  };
}

/**
 * Credentials that follow a certificate in files (`watchCertificate` of `@fieldpost/supervisor/worker`).
 *
 * @param grpc the program's own `@grpc/grpc-js`
 */
export function certificateCredentials(
  grpc: { readonly experimental: typeof experimental },
  certificate: WatchedCertificate,
): ServerCredentials {
  const provider = new CertificateProvider(certificate);
  const { ca } = certificate.context;
  // The function takes the identity first and the CA, which may be missing, second; its type has them the other way round.
  const create = grpc.experimental.createCertificateProviderServerCredentials as (
    identity: experimental.CertificateProvider,
    ca: experimental.CertificateProvider | null,
    requireClientCertificate: boolean,
  ) => ServerCredentials;
  return create(provider, ca === undefined ? null : provider, ca !== undefined);
}

/** What grpc-js asks of a source of certificates: each listener hears the newest, then all that come. */
class CertificateProvider implements experimental.CertificateProvider {
  readonly #certificate: WatchedCertificate;
  readonly #ends = new Map<unknown, () => void>();

  constructor(certificate: WatchedCertificate) {
    this.#certificate = certificate;
  }

  addIdentityCertificateListener(hear: experimental.IdentityCertificateUpdateListener): void {
    this.#add(hear, ({ cert, key }) => hear({ certificate: cert, privateKey: key }));
  }

  removeIdentityCertificateListener(hear: experimental.IdentityCertificateUpdateListener): void {
    this.#remove(hear);
  }

  addCaCertificateListener(hear: experimental.CaCertificateUpdateListener): void {
    this.#add(hear, ({ ca }) => hear(ca === undefined ? null : { caCertificate: ca }));
  }

  removeCaCertificateListener(hear: experimental.CaCertificateUpdateListener): void {
    this.#remove(hear);
  }

  #add(key: unknown, hear: (context: WatchedCertificate["context"]) => void): void {
    // Later: grpc-js asks before it has anywhere to put the answer.
    process.nextTick(() => hear(this.#certificate.context));
    this.#ends.set(key, this.#certificate.onChange(hear));
  }

  #remove(key: unknown): void {
    this.#ends.get(key)?.();
    this.#ends.delete(key);
  }
}
