-- Put a value in the place of the one that was read, unless somebody else was faster.
-- KEYS[1] string
-- ARGV what was read (empty: nothing), what to write, seconds until it is gone
-- Returns 1, or 0 where another value is there by now; asked twice, the same.
local found = redis.call("GET", KEYS[1]) or ""
if found == ARGV[2] then
  return 1 -- written already: the answer of the first time got lost
end
if found ~= ARGV[1] then
  return 0
end
redis.call("SET", KEYS[1], ARGV[2], "EX", ARGV[3])
return 1
