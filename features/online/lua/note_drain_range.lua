#!lua flags=allow-oom
-- Note the range that is about to be written to the log, so that whoever comes next writes exactly this one.
-- KEYS[1] string   who drains; KEYS[2] string   name of the stream; KEYS[3] string   range that is being written
-- ARGV us, range that must be noted now (empty: none), range to note, name of the stream
-- Returns 1; 0 when another drains, or something else is noted: then nothing has changed.
if redis.call("GET", KEYS[1]) ~= ARGV[1] or (redis.call("GET", KEYS[3]) or "") ~= ARGV[2] then
  return 0
end
redis.call("SET", KEYS[3], ARGV[3])
redis.call("SET", KEYS[2], ARGV[4])
return 1
