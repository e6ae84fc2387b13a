-- Adds the row of a dead letter to the stream as a new entry, and deletes the dead letter.
-- KEYS: stream, dead. ARGV: the id of the dead letter, the field of a unit.
-- Returns 1 if it did, 0 if there is no such dead letter, 2 if it is a unit of a job,
-- 3 if it was truncated.
local letter = redis.call('XRANGE', KEYS[2], ARGV[1], ARGV[1])[1]
if not letter then return 0 end
local fields = letter[2]
-- The first field is the id of the original entry.
local row = {}
for at = 3, #fields do row[#row + 1] = fields[at] end
if row[1] == ARGV[2] then return 2 end
if #row == 0 then return 0 end
if #row >= 4000 then return 3 end
redis.call('XADD', KEYS[1], '*', unpack(row))
redis.call('XDEL', KEYS[2], ARGV[1])
return 1
