-- Whether each of these units is still in the stream: 1 or 0 for each.
-- KEYS: stream, units. ARGV: the units' names as JSON.
local live = {}
for at, name in ipairs(cjson.decode(ARGV[1])) do
  local id = redis.call('HGET', KEYS[2], name)
  live[at] = id and #redis.call('XRANGE', KEYS[1], id, id) or 0
end
return live
