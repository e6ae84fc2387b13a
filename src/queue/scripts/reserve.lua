-- Reserves slots of the quota that all workers share, on the clock of Redis, and stores the workers'
-- reports. A slot is a delay from now; none is reserved further ahead than ARGV[2] microseconds, so
-- that a worker that fails wastes few, and few are stale when the rate changes.
-- KEYS: pace, reports. ARGV: requests as JSON, how far ahead, the time in microseconds or empty.
-- Returns for each request the slots, the delay until the next request, the rate, and the delay that
-- the service asked for; then the reports to fold into the rate, if it is this worker's turn.
local now = tonumber(ARGV[3])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local ahead = tonumber(ARGV[2])
local answers = {}
for number, request in ipairs(cjson.decode(ARGV[1])) do
  local known = redis.call('HMGET', KEYS[1], request.op .. ' rate', request.op .. ' due', request.op .. ' hold')
  local rate = math.min(tonumber(known[1] or request.start), request.ceiling)
  local due = tonumber(known[2] or 0)
  local hold = tonumber(known[3] or 0)
  for _, report in ipairs(request.reports) do
    if report.wait >= 0 then hold = math.max(hold, now - report.age + report.wait) end
    redis.call('RPUSH', KEYS[2], cjson.encode({ op = request.op, kind = report.kind,
      at = string.format('%.0f', now - report.age),
      sent_at = string.format('%.0f', now - report.sent_age),
      wait = string.format('%.0f', report.wait) }))
  end
  local slots, next_in = {}, -1
  for slot = 1, request.want do
    local at = math.max(due, now, hold)
    if at - now > ahead then
      next_in = at - now - ahead
      break
    end
    slots[slot] = math.floor(at - now)
    due = at + 1000000 / rate
  end
  redis.call('HSET', KEYS[1], request.op .. ' due', string.format('%.0f', due),
    request.op .. ' hold', string.format('%.0f', hold))
  answers[number] = { slots, math.floor(next_in), string.format('%.6f', rate),
    math.floor(math.max(hold - now, 0)) }
end
redis.call('PEXPIRE', KEYS[1], 3600000)
local folded = {}
local turn = tonumber(redis.call('HGET', KEYS[1], 'turn') or 0)
if (now >= turn or turn > now + 10000000) and redis.call('LLEN', KEYS[2]) > 0 then
  -- A worker that fails during its turn loses it at that time.
  turn = string.format('%.0f', now + 300000)
  redis.call('HSET', KEYS[1], 'turn', turn)
  local states = {}
  local reports = redis.call('LRANGE', KEYS[2], 0, 999)
  for _, report in ipairs(reports) do
    local op = cjson.decode(report).op
    states[tostring(op)] = redis.call('HGET', KEYS[1], op .. ' state') or ''
  end
  folded = { turn, reports, cjson.encode(states) }
end
return { answers, folded }
