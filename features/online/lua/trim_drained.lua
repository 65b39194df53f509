#!lua flags=allow-oom
-- Take a range that is in the log out of the stream, once.
-- KEYS[1] string   who drains; KEYS[2] string   range that is being written; KEYS[3] stream
-- KEYS[4] string   bytes that wait in the stream; KEYS[5] hash   totals of what was drained
-- ARGV us, the range, id of the first entry to keep, bytes of the range, its rows, its files
-- Returns 1; 0 when another drains, or has already trimmed this range: then nothing has changed.
if redis.call("GET", KEYS[1]) ~= ARGV[1] or redis.call("GET", KEYS[2]) ~= ARGV[2] then
  return 0
end
redis.call("XTRIM", KEYS[3], "MINID", ARGV[3])
redis.call("DECRBY", KEYS[4], ARGV[4])
redis.call("HINCRBY", KEYS[5], "rows", ARGV[5])
redis.call("HINCRBY", KEYS[5], "files", ARGV[6])
redis.call("HSET", KEYS[5], "at", redis.call("TIME")[1])
redis.call("DEL", KEYS[2])
return 1
