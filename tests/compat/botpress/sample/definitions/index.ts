import { z } from '@botpress/sdk'
export { states } from './states'
export const configuration = {
  identifier: { linkTemplateScript: 'linkTemplate.vrl', required: true },
  schema: z.object({}),
} satisfies sdk.IntegrationDefinitionProps['configuration']
