-- Count failures of one who guesses; all are forgotten a time after the first of them, however many follow.
-- KEYS[1] failures
-- ARGV new failures, milliseconds from the first until they are forgotten
-- Returns failures so far, milliseconds until they are forgotten.
local failures = redis.call("INCRBY", KEYS[1], ARGV[1])
local left = redis.call("PTTL", KEYS[1])
if left < 0 then
  left = tonumber(ARGV[2])
  redis.call("PEXPIRE", KEYS[1], left)
end
return {failures, left}
