-- refused(reason, n, …): counts requests that an ingress turned away.
for i = 1, #ARGV, 2 do count('refused_' .. ARGV[i], ARGV[i + 1]) end
