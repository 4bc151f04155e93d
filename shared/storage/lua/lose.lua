-- lose(webhookId, reason) -> 1 | 0 when it was lost before, or is gone
-- Its user has to connect again; whoever looks after installations tells the bot.
return lose(ARGV[1], 'needs_reauth', ARGV[2], '') and 1 or 0
