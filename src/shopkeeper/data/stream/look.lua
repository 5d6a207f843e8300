-- One person: the customer where a browser is signed in, and the deeds under each of their keys. ARGV: prefix, person
local prefix, person = ARGV[1], ARGV[2]
local who = redis.call('HGET', prefix .. 'signed:' .. person, 'customer') or person
local found = {who}
local keys = redis.call('SMEMBERS', prefix .. 'browsers:' .. who)
table.insert(keys, 1, who)
for _, key in ipairs(keys) do
  found[#found + 1] = {key, redis.call('HGETALL', prefix .. 'deeds:' .. key)}
end
return found
