-- Acknowledges entries of this consumer that were deleted from the stream, since their content is
-- lost. Returns their ids.
-- KEYS: stream. ARGV: group, consumer, ids that are known to exist as JSON.
local known = {}
for _, id in ipairs(cjson.decode(ARGV[3])) do known[id] = true end
local gone = {}
for _, pending in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 100, ARGV[2])) do
  local id = pending[1]
  if not known[id] and #redis.call('XRANGE', KEYS[1], id, id) == 0 then
    redis.call('XACK', KEYS[1], ARGV[1], id)
    gone[#gone + 1] = id
  end
end
return gone
