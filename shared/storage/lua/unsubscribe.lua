-- unsubscribe(integration, subscription, webhookId) -> 1 | 0 when there was none
if redis.call('HDEL', P .. 'subscriptions:' .. escaped(ARGV[3]), ARGV[2]) == 0 then return 0 end
unbind(ARGV[1], 'subscription:' .. ARGV[2], ARGV[3])
return 1
