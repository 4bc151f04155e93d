// An integration of our own, written with @botpress/sdk as its authors do. It runs with both generations of the SDK:
// the folder of npm packages is the first argument. It knows nothing of Waypost.
'use strict'
const { createHash, createHmac, randomBytes } = require('node:crypto')
const path = require('node:path')

const modules = path.resolve(process.argv[2])
const load = (name) => require(require.resolve(name, { paths: [modules] }))

// SDK 7 was built for a client that no registry has; the one that there is lacks this one function.
const client = load('@botpress/client')
if (!client.http) client.http = { isNetworkOrIdempotentRequestError: client.axiosRetry.isNetworkOrIdempotentRequestError }

const sdk = load('@botpress/sdk')
const ORIGIN = process.env.BP_WEBHOOK_URL
const PROVIDER = process.env.LAB_PROVIDER
const state = (ctx, name) => ({ type: 'integration', id: ctx.integrationId, name })
const interstitial = (success, message) =>
  `${ORIGIN.replace('webhook', 'app')}/oauth/interstitial?success=${success}` +
  (message ? `&errorMessage=${encodeURIComponent(message)}` : '')

// ── what every wizard of Botpress answers with ──
const page = (body) => ({ status: 200, headers: { 'content-type': 'text/html', 'x-bp-disable-interstitial': 'true' }, body })
const redirect = (location, more = {}) => ({
  status: 303, headers: { location, 'x-bp-disable-interstitial': 'true', ...more },
})

async function token(fields) {
  const answer = await fetch(`${PROVIDER}/token`, { method: 'POST', body: new URLSearchParams(fields) })
  if (!answer.ok) throw new sdk.RuntimeError(`the provider said ${answer.status}`)
  return answer.json()
}

async function direct({ client, ctx, req }) {
  const query = new URLSearchParams(req.query)
  if (query.get('error')) throw new sdk.RuntimeError(`the provider said ${query.get('error')}`)
  const redirect_uri = `${ORIGIN}/oauth`
  const { access_token, team } = await token({
    grant_type: 'authorization_code', code: query.get('code'), redirect_uri, client_secret: process.env.SECRET_CLIENT_SECRET,
  })
  const late = query.has('late') ? { team } : {} // some bind in register what connecting brought
  await client.setState({ ...state(ctx, 'tokens'), payload: { access_token, absent: undefined, ...late } })
  if (!query.has('late')) await client.configureIntegration({ identifier: team })
}

async function wizard({ client, ctx, req }) {
  const query = new URLSearchParams(req.query)
  const here = (step) => `/oauth/wizard/${step}?state=${ctx.webhookId}`
  switch (req.path.slice('/oauth/wizard/'.length)) {
    case 'start':
      return page(`<form method="get" action="/oauth/wizard/region"><input name="state" value="${ctx.webhookId}">` +
        '<input name="wizchoice" value="eu"></form>')
    case 'region':
      await client.setState({ ...state(ctx, 'wizard'), payload: { region: query.getAll('wizchoice').join('+') } })
      return page(`<form method="post" action="${here('shop')}"><input name="wizform.shop" value="Zoë & Co"></form>`)
    case 'shop': {
      const shop = new URLSearchParams(req.body).get('wizform.shop')
      const verifier = randomBytes(32).toString('base64url')
      await client.patchState({ ...state(ctx, 'wizard'), payload: { shop, verifier } })
      const challenge = createHash('sha256').update(verifier).digest('base64url')
      const to = new URLSearchParams({
        state: ctx.webhookId, redirect_uri: `${ORIGIN}/oauth/wizard/oauth-callback`,
        code_challenge: challenge, code_challenge_method: 'S256',
      })
      return redirect(`${PROVIDER}/authorize?${to}`)
    }
    case 'oauth-callback': {
      const { state: found } = await client.getState(state(ctx, 'wizard'))
      const { access_token, team } = await token({ code: query.get('code'), code_verifier: found.payload.verifier })
      await client.setState({ ...state(ctx, 'tokens'), payload: { access_token } })
      return redirect(interstitial(true), { 'x-bp-integration-identifier': team })
    }
    default:
      return redirect(interstitial(false, `there is no step ${req.path}`))
  }
}

async function webhook({ client, ctx, req }) {
  const sent = req.headers['x-lab-signature']
  const own = createHmac('sha256', process.env.SECRET_CLIENT_SECRET).update(req.body ?? '').digest('hex')
  if (sent !== own) return { status: 401, body: 'signature' }
  const said = JSON.parse(req.body)
  if (said.fail) throw new sdk.RuntimeError(said.fail)
  if (said.break) throw new TypeError(said.break)
  const { user } = await client.getOrCreateUser({ tags: { id: String(said.from) }, name: said.name, discriminateByTags: ['id'] })
  const { conversation } = await client.getOrCreateConversation({ channel: 'dm', tags: { id: String(said.room) } })
  await client.createMessage({
    type: 'text', payload: { text: said.text }, userId: user.id, conversationId: conversation.id, tags: { id: said.id },
  })
  const { event } = await client.createEvent({ type: 'thingHappened', payload: { text: said.text }, userId: user.id })
  return { status: 202, headers: { 'content-type': 'text/plain', 'X-Custom': 'kept' }, body: `event ${event.id}` }
}

const integration = new sdk.Integration({
  register: async ({ client, ctx, webhookUrl }) => {
    const { state: seen } = await client.getOrSetState({ ...state(ctx, 'seen'), payload: { registers: [] } })
    await client.setState({ ...state(ctx, 'seen'), payload: { registers: [...seen.payload.registers, webhookUrl] } })
    await client.updateUser({ id: ctx.botUserId, tags: { id: 'U1' }, name: 'Bot' })
    const tokens = await client.getState(state(ctx, 'tokens')).catch(() => undefined)
    if (tokens?.state.payload.team) await client.configureIntegration({ identifier: tokens.state.payload.team })
  },
  unregister: async ({ client }) => {
    await client.configureIntegration({ identifier: null })
    await fetch(`${PROVIDER}/unregistered`, { method: 'POST' })
  },
  actions: {
    read: async ({ client, ctx, input }) => {
      try {
        return { payload: (await client.getState(state(ctx, input.name))).state.payload, configuration: ctx.configuration }
      } catch (thrown) {
        return { type: thrown.type, code: thrown.code, message: thrown.message }
      }
    },
  },
  channels: {
    dm: {
      messages: {
        text: async ({ payload, conversation, ack }) => {
          await fetch(`${PROVIDER}/said`, {
            method: 'POST', body: JSON.stringify({ text: payload.text, room: conversation.tags.id }),
          })
          await ack({ tags: { id: 'ext-1' } })
        },
      },
    },
  },
  handler: async (props) => {
    if (props.req.path === '/oauth') return direct(props)
    if (props.req.path.startsWith('/oauth/wizard/')) return wizard(props)
    return webhook(props)
  },
})

integration.start(Number(process.env.PORT))
