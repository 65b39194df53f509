#!lua flags=no-writes
-- How much waits in the event stream, by the clock of the server that has it.
-- KEYS[1] stream   KEYS[2] string   bytes that wait in it   KEYS[3] hash   notes of what live state may lack
-- KEYS[4] hash   totals of what was drained
-- Returns time (s, us), bytes, entries, id of the oldest (false: none), notes, totals of rows and files, last time (s)
local oldest = redis.call("XRANGE", KEYS[1], "-", "+", "COUNT", 1)[1]
return {
  redis.call("TIME"), redis.call("GET", KEYS[2]), redis.call("XLEN", KEYS[1]), oldest and oldest[1] or false,
  redis.call("HLEN", KEYS[3]), redis.call("HMGET", KEYS[4], "rows", "files", "at")
}
