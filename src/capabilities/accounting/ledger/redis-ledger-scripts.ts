import { defineScript } from '../../../platform/redis/index.ts';

/**
 * Keys, all with one hash tag: `meta` (generation, server, state), `s:<subject>` (a hash: ring of 61 buckets of calls `r0…` and
 * tokens `t0…`, their sums `R` and `T`, newest bucket `b`, calls under way `P`, and per period `:a` beginning, `:s` spent,
 * `:h` reserved, `:v` resets), `r` (reservations by id), `x` (their expiry), `l` (expired ones that may be settled late).
 * Time is the server's. Sums travel as text, because cjson writes 14 digits only.
 */
const common = `
local base = KEYS[1]
local q = cjson.decode(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local size = 61
local function int(n) return string.format('%.0f', n) end

local function monthStart(ms)
  local days = math.floor(ms / 86400000)
  local z = days + 719468
  local doe = z - math.floor(z / 146097) * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  return (days - (doy - math.floor((153 * mp + 2) / 5))) * 86400000
end

local function periodStart(period)
  if period == 'total' then return 0 end
  if period == 'month' then return monthStart(now) end
  local span = tonumber(period)
  local origin = 0
  if span % 604800000 == 0 then origin = 345600000 end
  return math.floor((now - origin) / span) * span + origin
end

-- How long what is counted in the period matters, from now; nil: for ever.
local function lifeOf(key, period)
  if period == 'total' then
    if string.find(key, '/run:', 1, true) then return 30 * 86400000 end
    return nil
  end
  if period == 'month' then return 32 * 86400000 end
  return tonumber(period) + 60000
end
`;

/** Settles, gives back what has expired, and reserves: `apply` of a ledger's store, in one step. */
export const applyScript = defineScript(`${common}
local meta = redis.call('HMGET', base .. 'meta', 'gen', 'state')
if not meta[1] then return '{"state":"wiped"}' end
if meta[1] ~= q.gen then return cjson.encode({ state = 'changed', gen = meta[1] }) end
if meta[2] ~= 'open' and not q.force then return '{"state":"loading"}' end
-- The first write is one that a server without memory refuses, so that nothing is left half-done.
redis.call('HSET', base .. 'meta', 'at', int(now))

local subjects = {}
local order = {}
local function load(key)
  local s = subjects[key]
  if s then return s end
  local k = base .. 's:' .. key
  local h = redis.call('HMGET', k, 'b', 'R', 'T', 'P')
  local present = math.floor(now / q.bucketMs)
  s = { k = k, key = key, isNew = not h[1], b = tonumber(h[1]) or present, R = tonumber(h[2]) or 0,
    T = tonumber(h[3]) or 0, P = tonumber(h[4]) or 0, budgets = {}, names = {} }
  if s.b < present then
    local names = {}
    for i = 1, math.min(size, present - s.b) do
      local slot = int((s.b + i) % size)
      names[#names + 1] = 'r' .. slot
      names[#names + 1] = 't' .. slot
    end
    local old = redis.call('HMGET', k, unpack(names))
    for i = 1, #old, 2 do
      s.R = s.R - (tonumber(old[i]) or 0)
      s.T = s.T - (tonumber(old[i + 1]) or 0)
    end
    redis.call('HDEL', k, unpack(names))
    s.b = present
    redis.call('HSET', k, 'b', int(s.b), 'R', int(s.R), 'T', int(s.T))
  end
  subjects[key] = s
  order[#order + 1] = s
  return s
end

local function budget(s, period)
  local b = s.budgets[period]
  if b then return b end
  local h = redis.call('HMGET', s.k, period .. ':a', period .. ':s', period .. ':h', period .. ':v')
  b = { period = period, a = periodStart(period), s = 0, h = 0, v = tonumber(h[4]) or 0 }
  local a = tonumber(h[1])
  if a and a >= b.a then
    b.a = a
    b.s = tonumber(h[2]) or 0
    b.h = tonumber(h[3]) or 0
  end
  s.budgets[period] = b
  s.names[#s.names + 1] = period
  return b
end

local function addTokens(s, amount, bucket)
  if amount == 0 or bucket <= s.b - size then return end
  local slot = 't' .. int(bucket % size)
  if amount < 0 then
    amount = -math.min(-amount, tonumber(redis.call('HGET', s.k, slot) or 0) or 0)
    if amount == 0 then return end
  end
  redis.call('HINCRBY', s.k, slot, int(amount))
  s.T = s.T + amount
  s.dirty = true
end

-- Ends a reservation: settled with tokens and nano, or lapsed (nil).
local function finish(id, raw, tokens, nano)
  local r = cjson.decode(raw)
  local reserved = tonumber(r.n)
  for _, part in ipairs(r.p) do
    local s = load(part[1])
    s.dirty = true
    if not r.e then s.P = math.max(0, s.P - 1) end
    local delta = (tokens or 0) - (r.e and 0 or tonumber(r.t))
    addTokens(s, delta, delta > 0 and s.b or tonumber(r.b))
    for i = 2, #part, 2 do
      local b = budget(s, part[i])
      if b.a == tonumber(part[i + 1]) then
        if not r.e then b.h = math.max(0, b.h - reserved) end
        if nano then
          b.s = b.s + nano
          b.spentNow = true
        end
        b.dirty = true
      end
    end
  end
  redis.call('ZREM', base .. 'x', id)
  if nano then
    redis.call('HDEL', base .. 'r', id)
    redis.call('ZREM', base .. 'l', id)
  else
    r.e = true
    redis.call('HSET', base .. 'r', id, cjson.encode(r))
    redis.call('ZADD', base .. 'l', int(now + 86400000), id)
  end
end

for _, one in ipairs(q.settled) do
  local raw = redis.call('HGET', base .. 'r', one[1])
  if raw then finish(one[1], raw, one[2], one[3]) end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', base .. 'x', '-inf', int(now), 'LIMIT', 0, 200)) do
  local raw = redis.call('HGET', base .. 'r', id)
  if raw then finish(id, raw) else redis.call('ZREM', base .. 'x', id) end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', base .. 'l', '-inf', int(now), 'LIMIT', 0, 200)) do
  redis.call('HDEL', base .. 'r', id)
  redis.call('ZREM', base .. 'l', id)
end

local function wait(s, kind, allowed, wanted)
  if wanted > allowed then return nil end
  local names = {}
  for i = 0, size - 1 do names[#names + 1] = kind .. i end
  local ring = redis.call('HMGET', s.k, unpack(names))
  local held = kind == 'r' and s.R or s.T
  for age = size - 1, 0, -1 do
    local bucket = s.b - age
    held = held - (tonumber(ring[bucket % size + 1]) or 0)
    if held + wanted <= allowed then return int((bucket + size) * q.bucketMs - now) end
  end
  return int(size * q.bucketMs)
end

local function decide(r)
  local tokens, nano, room, tight = r.tokens, r.nano, nil, nil
  if q.force then return nano end
  for index, part in ipairs(r.subjects) do
    local s = load(part.key)
    if part.rpm and s.R + 1 > part.rpm then
      return nil, { part = index - 1, limit = 'rpm', allowed = int(part.rpm), used = int(s.R), wait = wait(s, 'r', part.rpm, 1) }
    end
    if part.tpm and s.T + tokens > part.tpm then
      return nil, { part = index - 1, limit = 'tpm', allowed = int(part.tpm), used = int(s.T), wait = wait(s, 't', part.tpm, tokens) }
    end
    if part.parallel and s.P + 1 > part.parallel then
      return nil, { part = index - 1, limit = 'parallel', allowed = int(part.parallel), used = int(s.P) }
    end
    for _, limit in ipairs(part.budgets) do
      local b = budget(s, limit.period)
      local used = b.s + b.h
      if room == nil or limit.nano - used < room then
        room = limit.nano - used
        tight = { part = index - 1, limit = 'budget', allowed = int(limit.nano), used = int(used), spent = int(b.s), period = limit.period }
      end
    end
  end
  if room == nil or nano <= room then return nano end
  if r.least and r.least <= room then return room, nil, true end
  tight.wanted = int(math.min(nano, r.least or nano))
  return nil, tight
end

local answers = {}
for index, r in ipairs(q.requests) do
  answers[index] = cjson.null
  if redis.call('HEXISTS', base .. 'r', r.id) == 0 then
    local amount, refused, isPart = decide(r)
    if refused then
      answers[index] = refused
    else
      if isPart then answers[index] = { granted = int(amount) } end
      local bucket
      local parts = {}
      for i, part in ipairs(r.subjects) do
        local s = load(part.key)
        s.dirty = true
        s.P = s.P + 1
        s.R = s.R + 1
        redis.call('HINCRBY', s.k, 'r' .. int(s.b % size), 1)
        addTokens(s, r.tokens, s.b)
        bucket = math.max(bucket or 0, s.b)
        local life = 3 * size * q.bucketMs
        parts[i] = { part.key }
        for _, limit in ipairs(part.budgets) do
          local b = budget(s, limit.period)
          b.h = b.h + amount
          b.dirty = true
          table.insert(parts[i], limit.period)
          table.insert(parts[i], int(b.a))
          local own = lifeOf(part.key, limit.period)
          life = life and own and math.max(life, own) or nil
        end
        s.life = life or 'for ever'
      end
      redis.call('HSET', base .. 'r', r.id, cjson.encode({ t = int(r.tokens), n = int(amount), b = int(bucket), p = parts }))
      redis.call('ZADD', base .. 'x', int(now + r.ttl), r.id)
    end
  end
end

local spent = {}
for _, s in ipairs(order) do
  if s.dirty then
    local fields = { 'b', int(s.b), 'R', int(s.R), 'T', int(s.T), 'P', int(s.P) }
    for _, period in ipairs(s.names) do
      local b = s.budgets[period]
      if b.dirty then
        for _, field in ipairs({ ':a', int(b.a), ':s', int(b.s), ':h', int(b.h), ':v', int(b.v) }) do
          fields[#fields + 1] = string.sub(field, 1, 1) == ':' and period .. field or field
        end
        if b.spentNow then spent[#spent + 1] = { s.key, period, int(b.a), int(b.s), int(b.v) } end
      end
    end
    redis.call('HSET', s.k, unpack(fields))
    if s.life == 'for ever' then redis.call('PERSIST', s.k)
    elseif s.life then redis.call('PEXPIRE', s.k, int(s.life))
    elseif s.isNew then redis.call('PEXPIRE', s.k, 86400000) end
  end
end
return cjson.encode({ state = 'open', at = int(now), answers = answers, spent = spent })
`);

/** What subjects have used; changes nothing. */
export const useScript = defineScript(`${common}
local present = math.floor(now / q.bucketMs)
local found = {}
for index, subject in ipairs(q.subjects) do
  local k = base .. 's:' .. subject.key
  local h = redis.call('HGETALL', k)
  local all = {}
  for i = 1, #h, 2 do all[h[i]] = tonumber(h[i + 1]) end
  local newest = all.b or present
  local R, T = all.R or 0, all.T or 0
  for i = 1, math.min(size, present - newest) do
    local slot = int((newest + i) % size)
    R = R - (all['r' .. slot] or 0)
    T = T - (all['t' .. slot] or 0)
  end
  local budgets = {}
  for i, period in ipairs(subject.periods) do
    local isPresent = (all[period .. ':a'] or -1) >= periodStart(period)
    budgets[i] = { isPresent and int(all[period .. ':s'] or 0) or '0', isPresent and int(all[period .. ':h'] or 0) or '0' }
  end
  found[index] = { int(R), int(T), int(all.P or 0), budgets }
end
return cjson.encode({ at = int(now), found = found })
`);

/** Sets what a subject has spent to 0; answers with its budgets as they are then. */
export const resetScript = defineScript(`${common}
local k = base .. 's:' .. q.key
local changed = {}
for _, field in ipairs(redis.call('HKEYS', k)) do
  local period = string.match(field, '^(.*):s$')
  if period then
    redis.call('HSET', k, field, 0)
    local v = redis.call('HINCRBY', k, period .. ':v', 1)
    changed[#changed + 1] = { q.key, period, redis.call('HGET', k, period .. ':a'), '0', int(v) }
  end
end
return cjson.encode({ changed = changed })
`);

/**
 * Looks whether the server still holds what it was given. Where it does not (it was wiped, or is another one, which may
 * know less), the first one to look begins a new generation and loads it; after 15 s without end another one takes that over.
 */
export const beginScript = defineScript(`${common}
local meta = redis.call('HMGET', base .. 'meta', 'gen', 'state', 'server', 'since')
local isSame = meta[1] and (q.server == '' or meta[3] == q.server)
local isStuck = meta[2] == 'loading' and now - (tonumber(meta[4]) or 0) > 15000
if isSame and not isStuck then return cjson.encode({ gen = meta[1], state = meta[2], isLoader = false }) end
redis.call('HSET', base .. 'meta', 'gen', q.gen, 'state', 'loading', 'server', q.server, 'since', int(now))
return cjson.encode({ gen = q.gen, state = 'loading', isLoader = true })
`);

/** Takes in what the tables remember; what is known already and is more stays. With \`open\` the ledger opens. */
export const loadScript = defineScript(`${common}
local meta = redis.call('HMGET', base .. 'meta', 'gen', 'state')
if meta[1] ~= q.gen or meta[2] ~= 'loading' then return 0 end
redis.call('HSET', base .. 'meta', 'since', int(now))
for _, row in ipairs(q.rows) do
  local key, period, start, spent, resets = row[1], row[2], row[3], row[4], row[5]
  local k = base .. 's:' .. key
  local h = redis.call('HMGET', k, period .. ':a', period .. ':s', period .. ':v')
  local a, s, v = tonumber(h[1]) or -1, tonumber(h[2]) or 0, tonumber(h[3]) or 0
  if start > a or (start == a and (resets > v or (resets == v and spent > s))) then
    redis.call('HSET', k, period .. ':a', int(start), period .. ':s', int(spent), period .. ':v', int(resets))
    if start > a then redis.call('HSET', k, period .. ':h', 0) end
    local life = lifeOf(key, period)
    if life == nil then redis.call('PERSIST', k)
    elseif redis.call('PTTL', k) ~= -1 or redis.call('HLEN', k) <= 4 then redis.call('PEXPIRE', k, int(life)) end
  end
end
if q.open then redis.call('HSET', base .. 'meta', 'state', 'open') end
return 1
`);
