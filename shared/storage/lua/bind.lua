-- bind(integration, identifier, installation, ownership, in flow 0|1) -> {ok, released, evicted…} | {taken, owner} | {missing}
if redis.call('EXISTS', P .. 'installation:' .. ARGV[3]) == 0 then return {'missing'} end
return bind(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5] == '1')
