// A certificate in files that others renew: read at the start, and again whenever they change, without a restart.
import { createPrivateKey, X509Certificate } from "node:crypto";
import fs from "node:fs";
import tls from "node:tls";

/** Where a server's certificate is, in PEM. */
export interface CertificateFiles {
  /** The server's own first, then those that sign it. */
  certFile: string;
  /** Without a passphrase. May be the same file. */
  keyFile: string;
  /** Who signs the certificates that clients must have: mutual TLS. Default: clients need none. */
  clientCaFile?: string | undefined;
}

/** What comes from no file. */
type SecureContextOptions = Omit<tls.SecureContextOptions, "key" | "cert" | "ca">;

export interface CertificateOptions {
  /**
   * How often the files are looked at, in milliseconds. Looking finds what watching misses: symlinks that are swapped above the file,
   * as Kubernetes does it. Default 1,000.
   */
  refreshMs?: number;
  /** Hears why a changed certificate is not used, once for each change; the one before stays in use. Default: a line on stderr. */
  onError?: (error: Error) => void;
  /**
   * What else handshakes need, such as `minVersion` or `ciphers`. Not to be given to `createServer` beside the context: a server forgets it when
   * its certificate is set. Default: Node's own.
   */
  secureContext?: SecureContextOptions;
}

/** What TLS servers take; `key`, `cert` and `ca` are those of the files. */
export type CertificateContext = SecureContextOptions & {
  requestCert?: boolean;
  rejectUnauthorized?: boolean;
  key: Buffer;
  cert: Buffer;
  ca?: Buffer;
};

export interface WatchedCertificate {
  /** For `createServer`, as the files are now. */
  readonly context: CertificateContext;
  /** Hears of each new one; returns what ends that. */
  onChange(hear: (context: CertificateContext) => void): () => void;
  /** Looks at the files no more. */
  close(): void;
}

/**
 * Reads a certificate and looks after it. Throws an Error that names the file and what is wrong with it: it cannot be read, holds no
 * certificate or key, or the two do not belong together.
 */
export function watchCertificate(
  files: CertificateFiles,
  { refreshMs = 1000, onError = writeError, secureContext = {} }: CertificateOptions = {},
): WatchedCertificate {
  let state = stateOf(files);
  let context = readContext(files, secureContext);
  const hearers = new Set<(context: CertificateContext) => void>();
  const timer = setInterval(() => {
    const now = stateOf(files);
    if (now === state) return;
    state = now;
    try {
      context = readContext(files, secureContext);
    } catch (error) {
      // Half of a renewal as well: the other half changes the files again.
      return onError(error instanceof Error ? error : new Error(String(error)));
    }
    for (const hear of hearers) hear(context);
  }, refreshMs);
  timer.unref();
  return {
    get context() {
      return context;
    },
    onChange(hear) {
      hearers.add(hear);
      return () => void hearers.delete(hear);
    },
    close: () => clearInterval(timer),
  };
}

/** Gives a TLS server each new certificate; handshakes from then on use it, connections that are open stay. Returns what ends that. */
export function keepFresh(server: tls.Server, certificate: WatchedCertificate): () => void {
  server.setSecureContext(certificate.context);
  return certificate.onChange((context) => server.setSecureContext(context));
}

/** What changes with the files, wherever symlinks lead. */
function stateOf({ certFile, keyFile, clientCaFile }: CertificateFiles): string {
  return [certFile, keyFile, clientCaFile ?? []]
    .flat()
    .map((file) => {
      const stat = statOf(file);
      return typeof stat === "string"
        ? stat
        : `${stat.dev}.${stat.ino}.${stat.size}.${stat.mtimeNs}.${stat.ctimeNs}`;
    })
    .join(" ");
}

/** Or why there is none, as text. */
function statOf(file: string): fs.BigIntStats | string {
  try {
    return fs.statSync(file, { bigint: true });
  } catch (error) {
    return String(error);
  }
}

function readContext(
  { certFile, keyFile, clientCaFile }: CertificateFiles,
  secureContext: SecureContextOptions,
): CertificateContext {
  const cert = fs.readFileSync(certFile);
  const key = fs.readFileSync(keyFile);
  const certificate = parse(certFile, "certificate", () => new X509Certificate(cert));
  const privateKey = parse(keyFile, "private key", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error(`the key in ${keyFile} is not that of the certificate in ${certFile}`);
  }
  const context: CertificateContext = { ...secureContext, key, cert };
  if (clientCaFile !== undefined) {
    const ca = fs.readFileSync(clientCaFile);
    parse(clientCaFile, "certificate", () => new X509Certificate(ca));
    Object.assign(context, { ca, requestCert: true, rejectUnauthorized: true });
  }
  // What OpenSSL does not take, such as a chain that is cut off, is not taken here either.
  parse(certFile, "certificate", () => tls.createSecureContext(context));
  return context;
}

function parse<T>(file: string, what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(`${file} has no ${what} in PEM that can be used: ${String(cause)}`, { cause });
  }
}

function writeError(error: Error): void {
  process.stderr.write(`the certificate stays as it was: ${error.message}\n`);
}
