-- Stores the states that reports were folded into, if it is still this worker's turn.
-- KEYS: pace, reports. ARGV: the turn, how many reports, the new states as JSON.
if redis.call('HGET', KEYS[1], 'turn') ~= ARGV[1] then return 0 end
redis.call('LTRIM', KEYS[2], ARGV[2], -1)
for op, new in pairs(cjson.decode(ARGV[3])) do
  redis.call('HSET', KEYS[1], op .. ' rate', new.rate, op .. ' state', new.state)
end
redis.call('HSET', KEYS[1], 'turn', '0')
return 1
