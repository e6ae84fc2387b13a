-- Releases entries: their lease expires, so that the next claim of any worker gets them. A delivery
-- that failed through no fault of the entry is not counted.
-- KEYS: stream. ARGV: group, consumer, ids as JSON, how many deliveries to take back.
for _, id in ipairs(cjson.decode(ARGV[3])) do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])[1]
  if pending then
    local deliveries = math.max(0, pending[4] - tonumber(ARGV[4]))
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id,
      'IDLE', 1000000000, 'RETRYCOUNT', deliveries, 'JUSTID')
  end
end
return redis.status_reply('OK')
