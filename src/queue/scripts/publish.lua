-- Publishes units of a job, except those that are in the stream already.
-- KEYS: stream, units. ARGV: the name of each unit and the unit as JSON, alternating.
for at = 1, #ARGV, 2 do
  local live = redis.call('HGET', KEYS[2], ARGV[at])
  if not live or #redis.call('XRANGE', KEYS[1], live, live) == 0 then
    local id = redis.call('XADD', KEYS[1], '*', '_unit', ARGV[at + 1])
    redis.call('HSET', KEYS[2], ARGV[at], id)
  end
end
return redis.status_reply('OK')
