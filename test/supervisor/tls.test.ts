// Certificates that are renewed while they are served, in each protocol.
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import https from "node:https";
import type net from "node:net";
import path from "node:path";
import tls from "node:tls";

import grpc from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";

import { keepFresh, watchCertificate } from "@fieldpost/supervisor/worker";

import { makeFolder } from "../support/relay.ts";
import { echoService } from "./fixtures/echo-service.ts";
import { eventually, readAnswer, startSupervised, targetOf } from "./harness.ts";
import type { Supervised } from "./harness.ts";

const pemOf = (name: string): Buffer => fs.readFileSync(new URL(`./fixtures/${name}.pem`, import.meta.url));
const [first, renewed] = [pemOf("localhost"), pemOf("localhost-renewed")];
const fingerprintOf = (pem: Buffer): string => new X509Certificate(pem).fingerprint256;

function folder(): string {
  const made = makeFolder();
  onTestFinished(() => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}

/** As whoever renews certificates does it. */
function replace(file: string, text: Buffer): void {
  fs.writeFileSync(`${file}.new`, text);
  fs.renameSync(`${file}.new`, file);
}

const protocols = ["https", "h2", "tls", "grpc"];
const listeners = protocols.map((name) => ({ name, address: "127.0.0.1:0" }));

async function targetsOf(supervised: Supervised): Promise<[string, net.TcpNetConnectOpts][]> {
  const { listeners } = await supervised.status();
  return listeners.map(({ name, address }) => [name, targetOf(address) as net.TcpNetConnectOpts]);
}

/** What a handshake shows. */
async function handshake(
  target: net.TcpNetConnectOpts,
  options: tls.ConnectionOptions = {},
): Promise<{ socket: tls.TLSSocket; fingerprint: string }> {
  const socket = tls.connect({
    ...{ ...target, servername: "localhost", ca: [first, renewed], ALPNProtocols: ["h2", "http/1.1"] },
    ...options,
  });
  onTestFinished(() => void socket.destroy());
  await once(socket, "secureConnect");
  socket.on("error", () => {});
  return { socket, fingerprint: socket.getPeerX509Certificate()!.fingerprint256 };
}

describe("a certificate", () => {
  it("that is renewed is used for new connections of all protocols, and those that are open stay", async () => {
    const pem = path.join(folder(), "server.pem");
    fs.writeFileSync(pem, first);
    const supervised = await startSupervised({ worker: "secure-worker", workers: 2, listeners, args: [pem] });
    const targets = await targetsOf(supervised);
    for (const [, target] of targets) {
      expect((await handshake(target)).fingerprint).toBe(fingerprintOf(first));
    }
    const raw = await handshake(targets.find(([name]) => name === "tls")![1], { ALPNProtocols: [] });

    replace(pem, renewed);
    for (const [, target] of targets) {
      // Both workers.
      let inARow = 0;
      await eventually(async () => {
        const { socket, fingerprint } = await handshake(target);
        socket.destroy();
        inARow = fingerprint === fingerprintOf(renewed) ? inARow + 1 : 0;
        return inARow === 16;
      });
    }
    raw.socket.write("still here");
    await eventually(() => raw.socket.bytesRead > 0 && !raw.socket.destroyed);
  });

  it("of which only a half has come stays as it was, and the log says why", async () => {
    const made = folder();
    const [certFile, keyFile] = [path.join(made, "cert.pem"), path.join(made, "key.pem")];
    fs.writeFileSync(certFile, first);
    fs.writeFileSync(keyFile, first);
    const errors: string[] = [];
    const certificate = watchCertificate(
      { certFile, keyFile },
      { refreshMs: 10, onError: ({ message }) => errors.push(message) },
    );
    onTestFinished(() => certificate.close());
    const heard: Buffer[] = [];
    certificate.onChange(({ cert }) => heard.push(cert));
    replace(certFile, renewed);
    await eventually(() => errors.length === 1);
    expect(errors[0]).toBe(`the key in ${keyFile} is not that of the certificate in ${certFile}`);
    expect(certificate.context.cert).toEqual(first);
    fs.rmSync(keyFile);
    await eventually(() => errors.length === 2);
    expect(errors[1]).toContain("ENOENT");
    replace(keyFile, renewed);
    await eventually(() => heard.length === 1);
    expect(certificate.context).toMatchObject({ cert: renewed, key: renewed });
    expect(errors).toHaveLength(2);
  });

  it("that cannot be looked at for a while stays as it was", async () => {
    const pem = path.join(folder(), "server.pem");
    fs.writeFileSync(pem, first);
    const errors: string[] = [];
    const certificate = watchCertificate(
      { certFile: pem, keyFile: pem },
      { refreshMs: 10, onError: ({ message }) => errors.push(message) },
    );
    onTestFinished(() => certificate.close());
    fs.rmSync(pem);
    // Not even stat(2) works there, as in a folder that this user may not enter.
    fs.symlinkSync(pem, pem);
    await eventually(() => errors.some((message) => message.includes("ELOOP")));
    expect(certificate.context.cert).toEqual(first);
    replace(pem, renewed);
    await eventually(() => renewed.equals(certificate.context.cert));
  });

  it("leaves what else a handshake needs as it is", async () => {
    const pem = path.join(folder(), "server.pem");
    fs.writeFileSync(pem, first);
    const certificate = watchCertificate(
      { certFile: pem, keyFile: pem },
      { refreshMs: 10, secureContext: { minVersion: "TLSv1.3" } },
    );
    onTestFinished(() => certificate.close());
    const server = tls.createServer(certificate.context);
    server.on("tlsClientError", () => {});
    onTestFinished(() => void server.close());
    await once(server.listen(0, "127.0.0.1"), "listening");
    const letGo = keepFresh(server, certificate);
    const changed = new Promise((resolve) => certificate.onChange(resolve));
    replace(pem, renewed);
    await changed;
    const { port } = server.address() as net.AddressInfo;
    const target = { host: "127.0.0.1", port };
    await expect(handshake(target, { maxVersion: "TLSv1.2" })).rejects.toThrow("protocol version");
    expect((await handshake(target)).fingerprint).toBe(fingerprintOf(renewed));
    letGo();
  });

  it("is found when a symlink above it is swapped, as Kubernetes does", async () => {
    const made = folder();
    for (const [name, pem] of [
      ["one", first],
      ["two", renewed],
    ] as const) {
      fs.mkdirSync(path.join(made, name));
      fs.writeFileSync(path.join(made, name, "tls.pem"), pem);
    }
    fs.symlinkSync("one", path.join(made, "..data"));
    fs.symlinkSync("..data/tls.pem", path.join(made, "tls.pem"));
    const file = path.join(made, "tls.pem");
    const certificate = watchCertificate({ certFile: file, keyFile: file }, { refreshMs: 10 });
    onTestFinished(() => certificate.close());
    const changed = new Promise<Buffer>((resolve) => certificate.onChange(({ cert }) => resolve(cert)));
    fs.symlinkSync("two", path.join(made, "..data.new"));
    fs.renameSync(path.join(made, "..data.new"), path.join(made, "..data"));
    expect(await changed).toEqual(renewed);
  });

  it.each([
    ["absent.pem", undefined, "ENOENT"],
    ["text.pem", Buffer.from("hello"), "has no certificate in PEM"],
    ["half.pem", first.subarray(0, first.length / 2), "has no certificate in PEM"],
  ])("in %s is refused by the name of the file", (name, text, why) => {
    const file = path.join(folder(), name);
    if (text !== undefined) fs.writeFileSync(file, text);
    const read = (): unknown => watchCertificate({ certFile: file, keyFile: file });
    expect(read).toThrow(why);
    expect(read).toThrow(file);
  });
});

describe("mutual TLS", () => {
  it("refuses who has no certificate, in all protocols", async () => {
    const pem = path.join(folder(), "server.pem");
    fs.writeFileSync(pem, first);
    const options = { worker: "secure-worker", workers: 1, listeners, args: [pem, "mutual"] };
    const supervised = await startSupervised(options);
    for (const [name, target] of await targetsOf(supervised)) {
      const alpn = name === "tls" ? [] : name === "https" ? ["http/1.1"] : ["h2"];
      // In TLS 1.3 the client is done before the server has looked at what it sent: then comes the alert.
      for (const own of [{}, { cert: renewed, key: renewed }]) {
        const socket = tls.connect({ ...target, ALPNProtocols: alpn, rejectUnauthorized: false, ...own });
        onTestFinished(() => void socket.destroy());
        // An alert, or a reset before it is read.
        await new Promise((resolve) =>
          socket
            .on("error", () => {})
            .resume()
            .once("close", resolve),
        );
      }
    }
    const targets = Object.fromEntries(await targetsOf(supervised));
    const answer = await new Promise<Parameters<typeof readAnswer>[0]>((resolve, reject) => {
      https
        .get({ ...targets["https"], servername: "localhost", ca: first, cert: first, key: first }, resolve)
        .on("error", reject);
    });
    expect(await readAnswer(answer)).toMatchObject({ status: 200 });
    const { host, port } = targets["grpc"]!;
    const client = new grpc.Client(`${host}:${port}`, grpc.credentials.createSsl(first, first, first), {
      "grpc.ssl_target_name_override": "localhost",
    });
    onTestFinished(() => client.close());
    const { path: method, requestSerialize, responseDeserialize } = echoService.whoAmI;
    const pid = await new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        method,
        requestSerialize,
        responseDeserialize,
        Buffer.alloc(0),
        (error, value) => (error ? reject(error) : resolve(Number(String(value)))),
      );
    });
    expect(pid).toBe(supervised.workerPids[0]);
  });
});
