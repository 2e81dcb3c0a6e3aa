import { defineScript } from '../../redis/index.ts';

/**
 * Deletes from a stream what every group has acknowledged, is older than ARGV[1] ms and is not among the newest ARGV[2].
 * Without a group nothing is known to be read, and only that number counts. Returns how many it deleted.
 */
export const trimStream = defineScript(`
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local function before(one, two)
  local a, b = parts(one)
  local c, d = parts(two)
  return a < c or (a == c and b < d)
end
local function needed_from()
  local edge = nil
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local facts = {}
    for index = 1, #group, 2 do facts[group[index]] = group[index + 1] end
    local from = facts['last-delivered-id']
    if facts['pending'] > 0 then
      local lowest = redis.call('XPENDING', KEYS[1], facts['name'])[2]
      if lowest and before(lowest, from) then from = lowest end
    end
    if edge == nil or before(from, edge) then edge = from end
  end
  return edge
end
local length = redis.call('XLEN', KEYS[1])
local keep = tonumber(ARGV[2])
if length <= keep then return 0 end
local edge = needed_from()
if edge == nil then
  if keep == 0 then return 0 end
  return redis.call('XTRIM', KEYS[1], 'MAXLEN', keep)
end
local now = redis.call('TIME')
local oldest = string.format('%.0f-0', now[1] * 1000 + math.floor(now[2] / 1000) - tonumber(ARGV[1]))
if before(oldest, edge) then edge = oldest end
if keep > 0 then
  local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', keep)
  local first = newest[#newest][1]
  if before(first, edge) then edge = first end
end
return redis.call('XTRIM', KEYS[1], 'MINID', edge)
`);

/**
 * Appends an entry (field ARGV[1], value ARGV[2]) and returns its id. A stream that no group reads expires ARGV[3] ms
 * after its last entry (0: never); one that a group reads does not.
 */
export const appendExpiring = defineScript(`
local id = redis.call('XADD', KEYS[1], '*', ARGV[1], ARGV[2])
if #redis.call('XINFO', 'GROUPS', KEYS[1]) == 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
else
  redis.call('PERSIST', KEYS[1])
end
return id
`);

/** Takes a consumer (ARGV[2]) out of its group (ARGV[1]) unless entries are pending under its name. */
export const leaveGroup = defineScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2])
if #pending > 0 then return 0 end
return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
`);
