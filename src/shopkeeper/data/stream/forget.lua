-- Removes people with their browsers. ARGV: prefix, then person keys
local prefix = ARGV[1]
for place = 2, #ARGV do
  local person = ARGV[place]
  local visitors = redis.call('SMEMBERS', prefix .. 'browsers:' .. person)
  visitors[#visitors + 1] = person
  for _, visitor in ipairs(visitors) do
    local customer = redis.call('HGET', prefix .. 'signed:' .. visitor, 'customer')
    if customer then redis.call('SREM', prefix .. 'browsers:' .. customer, visitor) end
    redis.call('DEL', prefix .. 'signed:' .. visitor)
  end
  redis.call('DEL', prefix .. 'browsers:' .. person, prefix .. 'deeds:' .. person, prefix .. 'live:' .. person)
end
return 1
