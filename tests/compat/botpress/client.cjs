// The real @botpress/client as a program: a line of JSON in (which client, which call, its input), a line out
// (what it returned, or the error that it built). Usage: node client.cjs FOLDER-WITH-NODE_MODULES
'use strict'
const { createRequire } = require('node:module')
const readline = require('node:readline')

const load = createRequire(`${process.argv[2]}/`)
const { Client, isApiError } = load('@botpress/client')
const retrying = createRequire(load.resolve('@botpress/client'))('axios-retry')

// The policy of @botpress/sdk: how often, what, and how long to wait. A second is shorter here.
const SECOND = 20 // ms
const RESET = ['ratelimit-reset', 'x-ratelimit-reset', 'retry-after']
const retry = {
  retries: 3,
  retryCondition: (error) =>
    retrying.isNetworkOrIdempotentRequestError(error) || [429, 502].includes(error.response?.status ?? 0),
  retryDelay: (count, error) => {
    const name = RESET.find((header) => error.response?.headers?.[header] !== undefined)
    return (name ? parseInt(error.response.headers[name], 10) : count) * SECOND
  },
}

async function answer({ client, call, input, all }) {
  try {
    const made = new Client({ ...client, retry })
    if (all) return { returned: await made.list[all](input).collect() }
    return { returned: (await made[call](input)) ?? null }
  } catch (error) {
    const { name, type, code, id, message } = error
    return { error: { name, type, code, id, message, isApiError: isApiError(error) } }
  }
}

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const asked = JSON.parse(line)
  process.stdout.write(`${JSON.stringify({ nonce: asked.nonce, ...(await answer(asked)) })}\n`)
})
