import * as sdk from '@botpress/sdk'
import { z, IntegrationDefinition } from '@botpress/sdk'
import { common } from '@botpress/sdk-addons'
import { states, configuration as conf } from './definitions'
import * as events from './definitions/events'

export const NAME = 'acme'
const channel = 'dm'
/* a comment with ' quotes */
const shared = { region: z.string().optional() }
const base = z.object({ a: z.string() })
export default new IntegrationDefinition({
  name: NAME, version: `1.2.3`,
  title: 'Acme\'s', // trailing
  description:
    'long',
  icon: 'icon.svg',
  identifier: { extractScript: 'extract.vrl', fallbackHandlerScript: 'gone.vrl' },
  configuration: conf,
  configurations: {
    manual: {
      title: 'Manual',
      description: "It's",
      schema: z.object({
        ...shared,
        token: z.string().min(1).secret().title('Token').describe('The token'),
        count: z.number().min(1).default(3),
        kind: z.enum(['a', 'b']).optional(),
        nested: base.extend({ b: sdk.z.boolean() }),
        list: z.array(z.union([z.string(), z.null()])),
      }),
    },
  },
  channels: { [channel]: { messages: sdk.messages.defaults, message: { tags: { id: {} } } } },
  states,
  events: { thing: events.thing },
  actions: { go: { input: { schema: makeSchema(1 + 2) } } },
  secrets: { CLIENT_ID: { optional: true, description: 'x' }, ...common.SECRETS },
  user: { tags: { id: { title: 'Id' } as const } } satisfies Foo<Bar>,
  __advanced: { x: true },
}).extend(thing, ({ entities }) => ({ a: entities.b }))
