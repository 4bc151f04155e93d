// Runs VRL in Botpress's own engine: a line {source, event} in, a line {result} or {failed} out.
'use strict'
const path = require('node:path')
const { createInterface } = require('node:readline')
const verel = require(require.resolve('@bpinternal/verel', { paths: [path.resolve(process.argv[2])] }))

createInterface({ input: process.stdin }).on('line', (line) => {
  const { source, event } = JSON.parse(line)
  let said
  try {
    said = { result: verel.execute(source, event).result ?? null }
  } catch (error) {
    said = { failed: String(error).includes('Compilation') ? 'compile' : 'run' }
  }
  process.stdout.write(`${JSON.stringify(said)}\n`)
})
