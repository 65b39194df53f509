-- Count failures of one who guesses; forgotten after a time without any.
-- KEYS[1] failures
-- ARGV new failures, milliseconds until they are forgotten
-- Returns failures so far.
local failures = redis.call("INCRBY", KEYS[1], ARGV[1])
redis.call("PEXPIRE", KEYS[1], ARGV[2])
return failures
