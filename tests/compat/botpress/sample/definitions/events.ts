import { z } from '@botpress/sdk'
export const thing = { title: 'Thing', schema: z.object({ id: z.string() }).passthrough() }
