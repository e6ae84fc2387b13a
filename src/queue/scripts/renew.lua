-- Renews the leases of these entries, and returns those that are still this consumer's.
-- KEYS: stream. ARGV: group, consumer, ids as JSON.
local ours = {}
for _, id in ipairs(cjson.decode(ARGV[3])) do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) == 1 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'JUSTID')
    ours[#ours + 1] = id
  end
end
return ours
