-- Stores the states that reports were folded into, if it is still this worker's turn.
-- KEYS: pace, reports. ARGV: the turn, how many reports, the new states as JSON.
if redis.call('HGET', KEYS[1], 'turn') ~= ARGV[1] then return 0 end
redis.call('LTRIM', KEYS[2], ARGV[2], -1)
for op, new in pairs(cjson.decode(ARGV[3])) do
  local known = redis.call('HMGET', KEYS[1], op .. ' rate', op .. ' due')
  -- Requests in the slots up to this time will leave at the higher rate.
  if known[1] and tonumber(new.rate) < tonumber(known[1]) then
    redis.call('HSET', KEYS[1], op .. ' reserved', known[2] or '0')
  end
  redis.call('HSET', KEYS[1], op .. ' rate', new.rate, op .. ' state', new.state)
  -- An idle operation that has started again is not idle any more.
  if type(new.due) == 'string' then redis.call('HSET', KEYS[1], op .. ' due', new.due) end
end
redis.call('HSET', KEYS[1], 'turn', '0')
return 1
