-- What is kept of one person, of whoever signed in last on that browser, and of others.
-- ARGV: prefix, most browsers of a customer whose deeds are told, person, others
-- Gives deeds by key, sign-ins by browser, browsers by customer: of everybody who is named by what is given.
local prefix, most = ARGV[1], tonumber(ARGV[2])
local deeds, signed, known, told, counted = {}, {}, {}, {}, {}

local function browsers(customer)
  if not counted[customer] then
    counted[customer] = redis.call('SMEMBERS', prefix .. 'browsers:' .. customer)
    known[#known + 1] = {customer, counted[customer]}
  end
  return counted[customer]
end

local function person(key) -- its deeds and sign-ins; the customers of the newest of these
  if told[key] then return {} end
  told[key] = true
  deeds[#deeds + 1] = {key, redis.call('HGETALL', prefix .. 'deeds:' .. key)}
  local all, newest, last = redis.call('HGETALL', prefix .. 'signs:' .. key), -math.huge, {}
  if #all > 0 then signed[#signed + 1] = {key, all} end
  for place = 1, #all, 2 do
    local at, whose = tonumber(all[place + 1]), string.match(all[place], '\31(.*)$')
    browsers(whose)
    if at > newest then newest, last = at, {} end
    if at == newest then last[#last + 1] = whose end
  end
  return last
end

local function customer(key)
  person(key)
  local theirs = browsers(key)
  if #theirs <= most then
    for _, browser in ipairs(theirs) do person(browser) end
  end
end

for place = 3, #ARGV do
  for _, owner in ipairs(person(ARGV[place])) do customer(owner) end
end
for place = 3, #ARGV do
  if string.sub(ARGV[place], 1, 8) ~= 'visitor:' then customer(ARGV[place]) end
end
return {deeds, signed, known}
