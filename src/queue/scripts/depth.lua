-- The state of a queue: entries, pending entries, the id of the oldest entry or an empty string,
-- dead letters, and live workers. Only ids leave Redis, however long the entries are.
-- KEYS: stream, dead. ARGV: group.
local pending = redis.call('XPENDING', KEYS[1], ARGV[1])
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local workers = pending[4] and #pending[4] or 0
-- The access control list may not permit it.
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
if not consumers.err then
  workers = 0
  for _, consumer in ipairs(consumers) do
    for at = 1, #consumer, 2 do
      if consumer[at] == 'idle' and consumer[at + 1] < 60000 then workers = workers + 1 end
    end
  end
end
return { redis.call('XLEN', KEYS[1]), pending[1], first and first[1] or '',
  redis.call('XLEN', KEYS[2]), workers }
