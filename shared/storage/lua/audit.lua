-- audit(actor, action, subject, detail JSON, entries to keep, about)
return redis.call('XADD', P .. 'audit', 'MAXLEN', '~', ARGV[5], '*',
  'actor', ARGV[1], 'action', ARGV[2], 'subject', ARGV[3], 'detail', ARGV[4])
