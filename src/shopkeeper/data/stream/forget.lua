-- Removes people: a customer's sign-ins from the browsers, a browser's from the customers. ARGV: prefix, then person keys
local prefix = ARGV[1]
for place = 2, #ARGV do
  local person = ARGV[place]
  for _, browser in ipairs(redis.call('SMEMBERS', prefix .. 'browsers:' .. person)) do
    local key = prefix .. 'signs:' .. browser
    for _, name in ipairs(redis.call('HKEYS', key)) do
      if string.match(name, '\31(.*)$') == person then redis.call('HDEL', key, name) end
    end
  end
  for _, name in ipairs(redis.call('HKEYS', prefix .. 'signs:' .. person)) do
    redis.call('SREM', prefix .. 'browsers:' .. string.match(name, '\31(.*)$'), person)
  end
  redis.call('DEL', prefix .. 'signs:' .. person, prefix .. 'browsers:' .. person, prefix .. 'deeds:' .. person,
             prefix .. 'live:' .. person)
end
return 1
