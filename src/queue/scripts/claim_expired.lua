-- Claims entries whose lease has expired.
-- KEYS: stream, attempts. ARGV: group, consumer, lease in ms, cursor, limit.
-- Returns the next cursor, and for each entry: id, fields, deliveries, sendings, sendings without a
-- recorded answer.
local claimed = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4],
  'COUNT', ARGV[5])
local entries = {}
for _, entry in ipairs(claimed[2]) do
  -- Of an entry that was deleted only the id is left.
  if entry and entry[2] then
    local id = entry[1]
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])[1]
    local counts = redis.call('HMGET', KEYS[2], id .. ' sent', id .. ' doubt')
    entries[#entries + 1] = { id, entry[2], pending and pending[4] or 1,
      tonumber(counts[1] or 0), tonumber(counts[2] or 0) }
  end
end
return { claimed[1], entries }
