-- Adds deeds and sign-ins. ARGV: prefix, seconds to keep, most deeds of a person, then records:
-- d person id deed | s visitor at event customer
local prefix, seconds, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local function before(one, other) -- by bytes: the server's locale must not matter
  for place = 1, math.min(#one, #other) do
    local a, b = one:byte(place), other:byte(place)
    if a ~= b then return a < b end
  end
  return #one < #other
end

local function trim(key)
  local all, rows = redis.call('HGETALL', key), {}
  for place = 1, #all, 2 do
    rows[#rows + 1] = {id = all[place], at = cjson.decode(all[place + 1])[1]}
  end
  table.sort(rows, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    return before(a.id, b.id)
  end)
  for place = 1, #rows - most do redis.call('HDEL', key, rows[place].id) end
end

local function sign_in(visitor, at, event, customer)
  local key = prefix .. 'signed:' .. visitor
  local known = redis.call('HMGET', key, 'at', 'event', 'customer')
  if known[1] then
    local old, new = tonumber(known[1]), tonumber(at)
    if old > new then return end
    if old == new and not before(known[2], event) and (known[2] ~= event or not before(known[3], customer)) then return end
    redis.call('SREM', prefix .. 'browsers:' .. known[3], visitor)
  end
  redis.call('HSET', key, 'at', at, 'event', event, 'customer', customer)
  redis.call('SADD', prefix .. 'browsers:' .. customer, visitor)
  redis.call('EXPIRE', key, seconds)
  redis.call('EXPIRE', prefix .. 'browsers:' .. customer, seconds)
end

local touched, place = {}, 4
while place <= #ARGV do
  if ARGV[place] == 'd' then
    local key = prefix .. 'deeds:' .. ARGV[place + 1]
    redis.call('HSETNX', key, ARGV[place + 2], ARGV[place + 3])
    touched[key] = true
    place = place + 4
  else
    sign_in(ARGV[place + 1], ARGV[place + 2], ARGV[place + 3], ARGV[place + 4])
    place = place + 5
  end
end
for key in pairs(touched) do
  redis.call('EXPIRE', key, seconds)
  if redis.call('HLEN', key) > most * 1.25 then trim(key) end
end
return 1
