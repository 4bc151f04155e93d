// The authorization server `oidc-provider` behind the front of front.py. argv: the package's folder, and what to be as JSON.
// Nobody clicks here: `login_hint` agrees as that user, and `deny` refuses. Its port is the first line it prints.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const [folder, told] = process.argv.slice(2);
const { issuer, clients } = JSON.parse(told);
const module = await import(pathToFileURL(`${folder}/node_modules/oidc-provider/lib/index.js`));
const Provider = module.default ?? module.Provider;

const prefix = new URL(issuer).pathname;
const isBound = new Map(clients.map(({ client_id, pkce }) => [client_id, pkce]));
const provider = new Provider(issuer, {
  clients: clients.map(({ pkce, ...rest }) => rest),
  clockTolerance: 0,
  expiresWithSession: () => false,
  features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, name: `Team ${sub}` }) }),
  interactions: { url: (_, { uid }) => `${prefix}/interaction/${uid}` },
  issueRefreshToken: () => true,
  pkce: { required: (_, client) => isBound.get(client.clientId) },
  rotateRefreshToken: true,
  scopes: ["openid", "read", "write"],
  claims: { openid: ["sub", "name"] },
  ttl: { AccessToken: 3600, AuthorizationCode: 60, IdToken: 3600, Interaction: 600, Grant: 86400, RefreshToken: 86400, Session: 86400 },
});
provider.proxy = true;
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith("/interaction/")) return next();
  const { params } = await provider.interactionDetails(ctx.req, ctx.res);
  ctx.respond = false;
  await provider.interactionFinished(ctx.req, ctx.res, await decided(params), { mergeWithLastSubmission: false });
});

async function decided({ login_hint: user, client_id: clientId, scope }) {
  if (user === "deny") return { error: "access_denied", error_description: "the user said no" };
  const grant = new provider.Grant({ accountId: user, clientId });
  grant.addOIDCScope(scope);
  return { login: { accountId: user }, consent: { grantId: await grant.save() } };
}

const handle = provider.callback();
const server = createServer((request, response) => {
  request.originalUrl = request.url;
  request.url = request.url.slice(prefix.length);
  handle(request, response);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
