-- Reserves slots of the quota that all workers share, on the clock of Redis, and stores the workers'
-- reports. A slot is a delay from now; none is reserved further ahead than ARGV[2] microseconds, so
-- that a worker that fails wastes few, and few are stale when the rate changes.
-- Of the workers that get none because of that, the one that has waited longest gets the next, unless
-- it does not ask for it in time: otherwise those nearest to Redis would get all.
-- An operation without a slot for ARGV[3] microseconds is idle: it gets none until the worker whose
-- turn it is has started its pace again.
-- KEYS: pace, reports. ARGV: requests as JSON, how far ahead, after what time an operation is idle,
-- the time in microseconds or empty.
-- Returns for each request the slots, the delay until the next request, the rate, and the delay that
-- the service asked for; then, if it is this worker's turn, the reports to fold into the rate, and
-- the states of their operations and of idle ones.
local now = tonumber(ARGV[4])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local ahead = tonumber(ARGV[2])
local answers, idle, any_idle = {}, {}, false
for number, request in ipairs(cjson.decode(ARGV[1])) do
  local known = redis.call('HMGET', KEYS[1], request.op .. ' rate', request.op .. ' due', request.op .. ' hold',
    request.op .. ' first', request.op .. ' first until')
  local rate = math.min(tonumber(known[1] or request.start), request.ceiling)
  local due = tonumber(known[2] or 0)
  local hold = tonumber(known[3] or 0)
  local since, first = now - request.waiting, tonumber(known[4] or 0)
  if now > tonumber(known[5] or 0) then first = 0 end
  -- The time that a request takes to Redis varies.
  local is_first = first == 0 or since <= first + 50000
  for _, report in ipairs(request.reports) do
    if report.wait >= 0 then hold = math.max(hold, now - report.age + report.wait) end
    redis.call('RPUSH', KEYS[2], cjson.encode({ op = request.op, kind = report.kind,
      at = string.format('%.0f', now - report.age),
      sent_at = string.format('%.0f', now - report.sent_age),
      wait = string.format('%.0f', report.wait) }))
  end
  local slots, next_in, want = {}, -1, request.want
  if want > 0 and due > 0 and now - due >= tonumber(ARGV[3]) then
    idle[request.op], any_idle, want, next_in = true, true, 0, 0
  end
  for slot = 1, want do
    local at = math.max(due, now, hold)
    -- Slots that would run out are not kept for anybody.
    local is_kept = not is_first and at - now > ahead / 2
    if at - now > ahead or is_kept then
      next_in = math.max(at - now - ahead, 0)
      break
    end
    slots[slot] = math.floor(at - now)
    due = at + 1000000 / rate
  end
  if next_in >= 0 and #slots == 0 and is_first then
    if first > 0 then since = math.min(since, first) end
    redis.call('HSET', KEYS[1], request.op .. ' first', string.format('%.0f', since),
      request.op .. ' first until', string.format('%.0f', now + next_in + 200000))
  elseif #slots > 0 and is_first then
    redis.call('HSET', KEYS[1], request.op .. ' first', '0')
  end
  redis.call('HSET', KEYS[1], request.op .. ' due', string.format('%.0f', due),
    request.op .. ' hold', string.format('%.0f', hold))
  answers[number] = { slots, math.floor(next_in), string.format('%.6f', rate),
    math.floor(math.max(hold - now, 0)) }
end
local folded = {}
local turn = tonumber(redis.call('HGET', KEYS[1], 'turn') or 0)
local is_needed = any_idle or redis.call('LLEN', KEYS[2]) > 0
if (now >= turn or turn > now + 10000000) and is_needed then
  -- A worker that fails during its turn loses it at that time.
  turn = string.format('%.0f', now + 300000)
  redis.call('HSET', KEYS[1], 'turn', turn)
  local operations = {}
  local function add(op)
    if operations[tostring(op)] then return end
    local known = redis.call('HMGET', KEYS[1], op .. ' state', op .. ' reserved')
    operations[tostring(op)] = { is_idle = idle[op] or false, state = known[1] or '',
      reserved = known[2] or '0' }
  end
  local reports = redis.call('LRANGE', KEYS[2], 0, 999)
  for _, report in ipairs(reports) do add(cjson.decode(report).op) end
  for op in pairs(idle) do add(op) end
  folded = { turn, reports,
    cjson.encode({ now = string.format('%.0f', now), operations = operations }) }
end
-- After a day nothing of the pace is worth remembering.
redis.call('PEXPIRE', KEYS[1], 86400000)
redis.call('PEXPIRE', KEYS[2], 86400000)
return { answers, folded }
