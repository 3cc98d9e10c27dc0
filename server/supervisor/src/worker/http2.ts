import type http2 from "node:http2";

/** One session, and what is under way there. */
interface Activity {
  streams: number;
  /** It is to end: with the next stream, or when none has come for a while. */
  isEnding: boolean;
}

/**
 * The sessions of one HTTP/2 server, and how they end: GOAWAY leaves while the client waits for an answer, so that one that sends its
 * requests one after the other has read it before the next. Of several at the same time some may be on their way by then; they are
 * refused (REFUSED_STREAM), and a client may send them again (RFC 9113, 8.7). The two steps that the RFC has against that (6.8) cannot be done with
 * `node:http2`: when no stream is open it reads nothing more after the first.
 */
export class Sessions {
  readonly #activities = new Map<http2.ServerHttp2Session, Activity>();
  #graceMs: number | undefined;

  /**
   * @param maxAgeMs then a session is ended as in a drain, a tenth sooner or later; 0 is never
   * @param graceMs how long an ending session may be idle
   */
  constructor(server: http2.Http2Server | http2.Http2SecureServer, maxAgeMs: number, graceMs: number) {
    server.on("session", (session: http2.ServerHttp2Session) => {
      const activity: Activity = { streams: 0, isEnding: false };
      this.#activities.set(session, activity);
      const ageMs = maxAgeMs * (0.9 + 0.2 * Math.random());
      const timer =
        maxAgeMs === 0 ? undefined : setTimeout(() => endSession(session, activity, graceMs), ageMs);
      session.on("stream", (stream) => {
        activity.streams++;
        if (activity.isEnding) session.close();
        stream.once("close", () => activity.streams--);
      });
      session.once("close", () => {
        this.#activities.delete(session);
        clearTimeout(timer);
      });
      // One whose handshake was under way when the drain began.
      if (this.#graceMs !== undefined) endSession(session, activity, this.#graceMs);
    });
  }

  /** Lets each come to its end; settles at once. */
  end(graceMs: number): void {
    this.#graceMs = graceMs;
    for (const [session, activity] of this.#activities) endSession(session, activity, graceMs);
  }
}

function endSession(session: http2.ServerHttp2Session, activity: Activity, graceMs: number): void {
  if (activity.isEnding) return;
  activity.isEnding = true;
  // Streams that are open come to their end.
  if (activity.streams > 0) return session.close();
  const timer = setTimeout(() => session.close(), graceMs);
  session.once("close", () => clearTimeout(timer));
}
