import { z } from '@botpress/sdk'
const tokenSchema = z.object({ accessToken: z.string().secret() })
export const states = {
  credentials: { type: 'integration', schema: tokenSchema },
} as const
