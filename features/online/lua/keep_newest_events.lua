-- Keep the newest events of one identifier: the same whatever the order, however often an event comes.
-- KEYS[1] sorted set   packed events by the time they occurred at, in milliseconds
-- ARGV events to keep, seconds until a silent identifier is forgotten, then for each event: time, packed event
-- Returns how many events were new (some of them may be too old to be kept).
local added = 0
for i = 3, #ARGV, 2 do
  added = added + redis.call("ZADD", KEYS[1], ARGV[i], ARGV[i + 1])
  redis.call("ZREMRANGEBYRANK", KEYS[1], 0, -ARGV[1] - 1)
end
redis.call("EXPIRE", KEYS[1], ARGV[2])
return added
