-- Applies updates of entries: changes the counters of those in progress; stores the outcome of those
-- that are done and acknowledges them, in that order, since Lua does not roll back. Returns the ids
-- of entries that are not pending for this consumer any more, which are not changed: the first commit
-- wins.
-- KEYS: stream, outcomes, dead, attempts, units. ARGV: group, consumer, updates as JSON, how outcomes
-- and dead letters are trimmed (MAXLEN, MINID or empty), and to how many entries or how many ms.
local trim = {}
if ARGV[4] == 'MAXLEN' then
  trim = { 'MAXLEN', '~', ARGV[5] }
elseif ARGV[4] == 'MINID' then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  trim = { 'MINID', '~', string.format('%.0f', math.max(now - tonumber(ARGV[5]), 0)) }
end
local function add(key, fields)
  local command = { 'XADD', key }
  for _, word in ipairs(trim) do command[#command + 1] = word end
  command[#command + 1] = '*'
  for _, word in ipairs(fields) do command[#command + 1] = word end
  redis.call(unpack(command))
end
local not_ours = {}
for _, update in ipairs(cjson.decode(ARGV[3])) do
  local id = update.id
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) == 0 then
    not_ours[#not_ours + 1] = id
  elseif update.outcome == nil then
    redis.call('HINCRBY', KEYS[4], id .. ' sent', update.sent)
    redis.call('HINCRBY', KEYS[4], id .. ' doubt', update.doubt)
  else
    if update.dead then
      local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
      local copy = { 'id', id }
      -- The stack of Lua holds a few thousand values; a longer entry is truncated.
      if entry then
        for at = 1, math.min(#entry[2], 4000) do copy[#copy + 1] = entry[2][at] end
      end
      add(KEYS[3], copy)
    end
    add(KEYS[2], update.outcome)
    if update.unit ~= '' and redis.call('HGET', KEYS[5], update.unit) == id then
      redis.call('HDEL', KEYS[5], update.unit)
    end
    redis.call('HDEL', KEYS[4], id .. ' sent', id .. ' doubt')
    redis.call('XACK', KEYS[1], ARGV[1], id)
    redis.call('XDEL', KEYS[1], id)
  end
end
return not_ours
