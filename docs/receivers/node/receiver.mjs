// A receiver of notifications with nothing but Node.js 18 or newer.
//
//     WEBHOOK_SECRET=whsec_... node receiver.mjs      checks the signature (Standard Webhooks)
//     WEBHOOK_TOKEN=... node receiver.mjs             compares the Authorization header with the webhook's Secret or Token
//     WEBHOOK_ISSUER=https://... WEBHOOK_AUDIENCE=... checks a Bearer token: bearer.mjs must lie beside this file
//     WEBHOOK_CERTIFICATE=certificate.pem             checks signed headers: tags.mjs must lie beside this file
//
// It takes POSTs at any path of http://127.0.0.1:9000 (PORT); a proxy with https stands in front of it. What it has
// processed lies in received/ (FOLDER): <webhook-id>.json, the notification, and <webhook-id>.data, its file.

import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import { access, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";

const SECRET = process.env.WEBHOOK_SECRET ?? "";
const KEY = Buffer.from(SECRET.replace(/^whsec_/, ""), "base64");
const TOKEN = process.env.WEBHOOK_TOKEN ?? "";
const ISSUER = process.env.WEBHOOK_ISSUER ?? "";
const CERTIFICATE = process.env.WEBHOOK_CERTIFICATE ?? "";
// What believes a request: every one of them must.
const CHECKS = [];
const PORT = Number(process.env.PORT ?? 9000);
const FOLDER = process.env.FOLDER ?? "received";

const LARGEST_BODY = 1024 * 1024;
// A signature older than this may be one that somebody recorded and plays back.
const TOLERANCE_SECONDS = 300;
// The sender waits 15 s for our answer. What takes longer belongs in a queue of our own, and the answer before it.
const DOWNLOAD_MILLISECONDS = 10_000;

async function handle(request) {
  if (request.method !== "POST") return 405;
  const body = await readRaw(request);
  if (body === null) return 413;
  const id = request.headers["webhook-id"] ?? "";
  try {
    for (const check of CHECKS) if (!(await check(request.headers, body))) return 401;
    if (!/^[A-Za-z0-9_-]{1,100}$/.test(id)) return 400;
    await processOnce(id, body);
    return 204;
  } catch (problem) {
    // Anything but 2xx means: not processed, send it again.
    console.error(id, problem);
    return 500;
  }
}

// The bytes as they came: a body that was parsed and written anew no longer fits its signature.
async function readRaw(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > LARGEST_BODY) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

// The checks by the settings. `body` of each: the bytes as they came.
async function agree() {
  if (TOKEN) CHECKS.push((headers) => isEqual(headers.authorization ?? "", TOKEN));
  if (SECRET) CHECKS.push(isSigned);
  if (ISSUER) {
    const { issuerAt } = await import("./bearer.mjs");
    const vouchesFor = await issuerAt(ISSUER, process.env.WEBHOOK_AUDIENCE);
    CHECKS.push((headers) => vouchesFor(headers.authorization ?? ""));
  }
  if (CERTIFICATE) {
    const { certificateOf } = await import("./tags.mjs");
    CHECKS.push(certificateOf(await readFile(CERTIFICATE)));
  }
}

function isSigned(headers, body) {
  const timestamp = headers["webhook-timestamp"] ?? "";
  const age = Math.abs(Date.now() / 1000 - Number(timestamp));
  if (!/^[0-9]{1,12}$/.test(timestamp) || age > TOLERANCE_SECONDS) return false;
  const hmac = createHmac("sha256", KEY).update(`${headers["webhook-id"]}.${timestamp}.`).update(body);
  const expected = `v1,${hmac.digest("base64")}`;
  // While a secret is being replaced there are two signatures, parted by a blank.
  const given = (headers["webhook-signature"] ?? "").split(" ");
  return given.some((each) => isEqual(each, expected));
}

function isEqual(given, wanted) {
  const [left, right] = [Buffer.from(given), Buffer.from(wanted)];
  return left.length === right.length && timingSafeEqual(left, right);
}

// Keep the notification and its file. It may come twice, always with the same id: the second time it is done.
async function processOnce(id, body) {
  const done = join(FOLDER, `${id}.json`);
  if (await exists(done)) return;
  let content = JSON.parse(body.toString("utf8"));
  // The format Standard Webhooks has the same content inside `data`.
  content = content.data ?? content;
  if (content.url) await download(content.url, join(FOLDER, `${id}.data`));
  // Last of all: this file says that everything before it is done.
  await writeWhole(done, body);
  console.log(`${id}: signature verified: ${content.Nome ?? content.nome}`);
}

async function download(url, path) {
  const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(DOWNLOAD_MILLISECONDS) });
  if (!response.ok) throw new Error(`the link answered ${response.status}`);
  await writeWhole(path, response.body);
}

// A file has its name only once it is complete.
async function writeWhole(path, content) {
  const part = join(FOLDER, `${randomUUID()}.part`);
  try {
    await writeFile(part, content);
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
}

function exists(path) {
  return access(path).then(() => true, () => false);
}

function refuseToStart(reason) {
  console.error(reason);
  process.exit(1);
}

if (!SECRET && !TOKEN && !ISSUER && !CERTIFICATE) {
  refuseToStart("Set WEBHOOK_SECRET (whsec_...) or WEBHOOK_TOKEN: a receiver that believes everybody helps nobody.");
}
if (SECRET && KEY.length < 24) refuseToStart("WEBHOOK_SECRET is whsec_ and the base64 of at least 24 bytes.");
await agree();
await mkdir(FOLDER, { recursive: true });
createServer(async (request, response) => {
  const status = await handle(request).catch(() => 400);
  response.writeHead(status, { Connection: "close" }).end();
}).listen(PORT, "127.0.0.1", () => console.log(`Listening on http://127.0.0.1:${PORT}`));
