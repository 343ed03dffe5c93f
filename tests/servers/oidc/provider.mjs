// An OAuth 2.0 authorization server of other people's making (oidc-provider), with what a file says of it.
//
//     node provider.mjs configuration.json
//
// The file: port, tls (key, cert), clients (as registered, RFC 7591), keys (private JWKs that sign and encrypt the
// tokens), lifetime (seconds), resources (client_id: whom its tokens are for; others get opaque tokens). It prints a
// line of JSON when it listens, and one for each token request.

import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import Provider, { errors } from "oidc-provider";

const asked = JSON.parse(readFileSync(process.argv[2], "utf8"));
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

// Whom a token is for decides what it looks like.
const server = (audience, more) => ({ audience, scope: "deliver read", accessTokenTTL: asked.lifetime, ...more });
const RESOURCES = {
  "urn:readable": server("urn:readable", { accessTokenFormat: "jwt", jwt: { sign: { alg: "RS256" } } }),
  "urn:other": server("urn:other", { accessTokenFormat: "jwt", jwt: { sign: { alg: "RS256" } } }),
  "urn:encrypted": server("urn:encrypted", {
    accessTokenFormat: "jwt",
    jwt: { sign: { alg: "RS256" }, encrypt: { alg: "dir", enc: "A256GCM", key: Buffer.from(asked.encryption, "hex") } },
  }),
  "urn:opaque": server("urn:opaque", { accessTokenFormat: "opaque" }),
};

const certificateOf = (ctx) => ctx.socket.getPeerX509Certificate?.();

const provider = new Provider(`https://127.0.0.1:${asked.port}`, {
  clients: asked.clients,
  jwks: { keys: asked.keys },
  scopes: ["deliver", "read", "write"],
  ttl: { ClientCredentials: asked.lifetime },
  clientAuthMethods: [
    "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt",
    "tls_client_auth", "self_signed_tls_client_auth",
  ],
  routes: { token: "/oauth2/token" },
  responseTypes: ["code"],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      selfSignedTlsClientAuth: true,
      tlsClientAuth: true,
      getCertificate: certificateOf,
      certificateAuthorized: (ctx) => ctx.socket.authorized,
      certificateSubjectMatches: (ctx, property, expected) =>
        property === "tls_client_auth_san_dns" && certificateOf(ctx).checkHost(expected) === expected,
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx, client) => asked.resources[client.clientId] ?? "urn:opaque",
      getResourceServerInfo: (ctx, resource) => {
        if (!Object.hasOwn(RESOURCES, resource)) throw new errors.InvalidTarget();
        return RESOURCES[resource];
      },
    },
    richAuthorizationRequests: {
      enabled: true,
      types: { [asked.detail]: { validate: () => undefined } },
      authorizationDetailsForAccessToken: (ctx) => JSON.parse(ctx.oidc.params.authorization_details),
      authorizationDetailsForIntrospection: (ctx, token) => token.rar,
    },
  },
});

provider.on("grant.success", (ctx) => say({ client: ctx.oidc.client.clientId, status: 200, ...seen(ctx) }));
provider.on("grant.error", (ctx, error) =>
  say({ client: ctx.oidc.client?.clientId, status: error.statusCode, error: error.message, why: error.error_detail, ...seen(ctx) }));
provider.on("server_error", (ctx, error) => console.error(error));

function seen(ctx) {
  const { scope, authorization_details: details } = ctx.oidc.params ?? {};
  return { scope, details, header: ctx.get("x-token-request") || undefined };
}

const wanted = { requestCert: true, rejectUnauthorized: false, ca: asked.ca };
createServer({ ...asked.tls, ...wanted }, provider.callback())
  .listen(asked.port, "127.0.0.1", () => say({ listening: asked.port }));
