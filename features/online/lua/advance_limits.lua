-- Add what a worker let through to how long each limit takes until it is whole again.
-- KEYS[i] one limit   an empty string that expires when the limit is whole again
-- ARGV[1] longest time that a limit may be in debt (ms)
-- ARGV[i + 1] time that what was let through takes to come back (ms), above 0
-- Returns milliseconds until each is whole.
local left = {}
for i, key in ipairs(KEYS) do
  left[i] = math.min(math.max(redis.call("PTTL", key), 0) + tonumber(ARGV[i + 1]), tonumber(ARGV[1]))
  redis.call("SET", key, "", "PX", left[i])
end
return left
