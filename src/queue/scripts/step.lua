-- One step of a window of entries. For each: what is about to be sent or came to nothing is
-- counted, and what is done gets its outcome and is acknowledged, in that order, for Lua does not
-- roll back. An entry that is not pending for this consumer any more is left alone and reported:
-- the first commit wins.
-- KEYS: stream, outcomes, dead, attempts, units. ARGV: group, consumer, steps as JSON.
local not_ours = {}
for _, step in ipairs(cjson.decode(ARGV[3])) do
  local id = step.id
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) == 0 then
    not_ours[#not_ours + 1] = id
  elseif step.outcome == nil then
    redis.call('HINCRBY', KEYS[4], id .. ' sent', step.sent)
    redis.call('HINCRBY', KEYS[4], id .. ' doubt', step.doubt)
  else
    if step.dead then
      local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
      local copy = { 'id', id }
      -- The stack of Lua holds some thousand values; what is longer is kept as far as it goes.
      if entry then
        for at = 1, math.min(#entry[2], 4000) do copy[#copy + 1] = entry[2][at] end
      end
      redis.call('XADD', KEYS[3], '*', unpack(copy))
    end
    redis.call('XADD', KEYS[2], '*', unpack(step.outcome))
    if step.unit ~= '' and redis.call('HGET', KEYS[5], step.unit) == id then
      redis.call('HDEL', KEYS[5], step.unit)
    end
    redis.call('HDEL', KEYS[4], id .. ' sent', id .. ' doubt')
    redis.call('XACK', KEYS[1], ARGV[1], id)
    redis.call('XDEL', KEYS[1], id)
  end
end
return not_ours
