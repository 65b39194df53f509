#!lua flags=allow-oom
-- Take, or keep, the lease of the drain; allowed when memory is full, for only the drain makes room.
-- KEYS[1] string   who drains; KEYS[2] string   name of the stream; KEYS[3] string   range that is being written
-- ARGV us, seconds until we count as gone, whose lease may be taken over at once (a beginning; empty: nobody's),
--      name for a stream that has none
-- Returns false when another drains; else the name of the stream and the range (false: none).
local holder = redis.call("GET", KEYS[1])
local is_free = holder == false or holder == ARGV[1]
if not is_free and (ARGV[3] == "" or string.sub(holder, 1, #ARGV[3]) ~= ARGV[3]) then
  return false
end
redis.call("SET", KEYS[1], ARGV[1], "EX", ARGV[2])
redis.call("SET", KEYS[2], ARGV[4], "NX")
return {redis.call("GET", KEYS[2]), redis.call("GET", KEYS[3])}
