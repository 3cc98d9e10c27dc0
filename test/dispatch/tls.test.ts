/** TLS, with a certificate that openssl makes for the test. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { bodyText, listen, makeJob, startDispatcher, startRawTarget } from "./support.ts";

const lacksOpenssl = spawnSync("openssl", ["version"]).status !== 0;
const needs = lacksOpenssl ? " (skipped: openssl is missing)" : "";
const defaultCertificates = getCACertificates("default");

afterEach(() => setDefaultCACertificates(defaultCertificates));

function makeCertificate(name: string): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), "fieldpost-tls-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  execFileSync(
    "openssl",
    // prettier-ignore
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
      "-keyout", key, "-out", cert, "-subj", "/CN=fieldpost test", "-addext", `subjectAltName=${name}`],
    { stdio: "ignore" },
  );
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
}

async function startTlsTarget(name: string) {
  const requests: string[] = [];
  const { key, cert } = makeCertificate(name);
  const server = createHttpsServer({ key, cert }, (request, response) => {
    requests.push(`${request.method} ${request.httpVersion}`);
    response.end("over tls");
  });
  const { port } = await listen(server);
  return { url: `https://127.0.0.1:${port}/`, requests, cert };
}

test.skipIf(lacksOpenssl)(`a certificate that nobody vouches for is not-sent${needs}`, async () => {
  const target = await startTlsTarget("IP:127.0.0.1");
  const outcome = await startDispatcher().send(makeJob({ url: target.url, method: "POST" }));
  expect(outcome).toMatchObject({
    result: "not-sent",
    retryable: true,
    error: { reason: "TLS", message: expect.stringContaining("self-signed certificate") as string },
  });
  expect(target.requests).toEqual([]);
});

test.skipIf(lacksOpenssl)(`a certificate for another name is not-sent${needs}`, async () => {
  const target = await startTlsTarget("DNS:other.example");
  setDefaultCACertificates([...defaultCertificates, target.cert]);
  const outcome = await startDispatcher().send(makeJob({ url: target.url, method: "POST" }));
  expect(outcome).toMatchObject({ result: "not-sent", error: { reason: "TLS" } });
  expect(target.requests).toEqual([]);
});

test.skipIf(lacksOpenssl)(`a trusted target gets the job over TLS and HTTP/1.1${needs}`, async () => {
  const target = await startTlsTarget("IP:127.0.0.1");
  setDefaultCACertificates([...defaultCertificates, target.cert]);
  const dispatcher = startDispatcher();
  const { result, response } = await dispatcher.send(makeJob({ url: target.url, method: "POST" }));
  expect([result, bodyText(response)]).toEqual(["succeeded", "over tls"]);
  expect(target.requests).toEqual(["POST 1.1"]);
});

test("a target that speaks no TLS is not-sent", async () => {
  const target = await startRawTarget((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  const outcome = await startDispatcher().send(makeJob({ url: `https://127.0.0.1:${target.port}/` }));
  expect(outcome).toMatchObject({ result: "not-sent", error: { reason: "TLS" } });
});

test("a handshake that does not end is not-sent when the connect timeout is over", async () => {
  const target = await startRawTarget((socket) => void socket.resume());
  const dispatcher = startDispatcher({ connectTimeoutMs: 50 });
  const outcome = await dispatcher.send(makeJob({ url: `https://127.0.0.1:${target.port}/` }));
  expect(outcome).toMatchObject({ result: "not-sent", error: { reason: "CONNECT_TIMEOUT" } });
});

test("a connection that is reset in the handshake is not-sent", async () => {
  const target = await startRawTarget((socket) => socket.once("data", () => socket.resetAndDestroy()));
  const outcome = await startDispatcher().send(makeJob({ url: `https://127.0.0.1:${target.port}/` }));
  expect(outcome).toMatchObject({ result: "not-sent", error: { reason: "CONN_RESET" } });
});
