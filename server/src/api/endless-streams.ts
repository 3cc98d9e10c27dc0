import type { Server, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";

/** What can be ended, and says when it has. */
interface OpenStream {
  end(): void;
  once(event: "close" | "cancelled", listener: () => void): unknown;
}

/** Keeps the open streams that callers are left to end, so that a drain can. */
export class EndlessStreams {
  readonly #server: Server;
  readonly #open = new Set<OpenStream>();
  #ended = false;

  constructor(server: Server) {
    this.#server = server;
  }

  /** For services that add themselves to a server: all that they use of one. */
  get asServer(): Server {
    const addService = (service: ServiceDefinition, handlers: UntypedServiceImplementation): void =>
      this.#server.addService(service, this.#watched(service, handlers));
    return { addService } as Pick<Server, "addService"> as Server;
  }

  /** From now on, until it is closed, `stream` is one of them. */
  add(stream: OpenStream): void {
    this.#open.add(stream);
    for (const event of ["close", "cancelled"] as const) {
      stream.once(event, () => void this.#open.delete(stream));
    }
    if (this.#ended) stream.end();
  }

  /** Ends all that are open, and from now on each new one after its first answer. */
  end(): void {
    this.#ended = true;
    for (const stream of this.#open) stream.end();
  }

  #watched(service: ServiceDefinition, handlers: UntypedServiceImplementation): UntypedServiceImplementation {
    const watched = { ...handlers };
    for (const [methodName, { originalName, responseStream }] of Object.entries(service)) {
      // grpc-js takes a handler under either of its names.
      const name = originalName !== undefined && originalName in handlers ? originalName : methodName;
      const handler = handlers[name] as ((stream: OpenStream) => void) | undefined;
      if (!responseStream || handler === undefined) continue;
      watched[name] = ((stream: OpenStream): void => {
        handler(stream);
        this.add(stream);
      }) as UntypedServiceImplementation[string];
    }
    return watched;
  }
}
