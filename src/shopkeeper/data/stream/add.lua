-- Adds deeds and sign-ins. ARGV: prefix, seconds to keep, most deeds of a person, most sign-ins of a browser, then
-- records: d person id deed | s visitor name at customer, where a sign-in's name is its event, byte 31, its customer
local prefix, seconds, most, signs = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

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

local function telling(key) -- the sign-ins that say something: see features/browsers.py
  local all, rows = redis.call('HGETALL', key), {}
  for place = 1, #all, 2 do
    rows[#rows + 1] = {name = all[place], at = tonumber(all[place + 1]), customer = string.match(all[place], '\31(.*)$')}
  end
  table.sort(rows, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    return before(a.name, b.name)
  end)
  local old, kept = rows[#rows].at - 86400000000, {}
  for place, row in ipairs(rows) do
    local first, last = rows[place - 1], rows[place + 1]
    if row.at <= old and first and last and first.customer == row.customer and last.customer == row.customer then
      redis.call('HDEL', key, row.name)
    else
      kept[#kept + 1] = row.name
    end
  end
  for place = 1, #kept - signs do redis.call('HDEL', key, kept[place]) end
end

local function sign_in(visitor, name, at, customer)
  local key = prefix .. 'signs:' .. visitor
  redis.call('HSETNX', key, name, at)
  redis.call('SADD', prefix .. 'browsers:' .. customer, visitor)
  redis.call('EXPIRE', key, seconds)
  redis.call('EXPIRE', prefix .. 'browsers:' .. customer, seconds)
  local count = redis.call('HLEN', key)
  if count > 64 and count % 32 == 0 then telling(key) end
end

local touched, place = {}, 5
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
