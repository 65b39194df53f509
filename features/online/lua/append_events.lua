#!lua
-- Append events to the stream in one entry, all or nothing, leaving out those that came before.
-- KEYS[1] stream   entries of newline-separated events, until they are drained
-- KEYS[2] string   bytes of events that wait in the stream
-- KEYS[3] set      names of the events of today; KEYS[4] of yesterday; KEYS[5] of tomorrow, where another clock is ahead
-- KEYS[6] hash     notes of updates that live state has yet to take
-- ARGV bytes that may wait, seconds until the names of a day are forgotten, notes to keep at most,
--      name of this call's note (empty: none), the note, how many notes are settled, their names,
--      then for each event: its name (empty: it cannot come twice), its text
-- Returns false when too much waits; else for each event 1 if it is new, 0 if it came before.
if tonumber(redis.call("GET", KEYS[2]) or "0") > tonumber(ARGV[1]) then
  return false
end
local first_event = 7 + tonumber(ARGV[6])
for i = 7, first_event - 1 do
  redis.call("HDEL", KEYS[6], ARGV[i])
end
local clocks_differ = redis.call("EXISTS", KEYS[5]) == 1
local fresh, texts = {}, {}
for i = first_event, #ARGV, 2 do
  local name, text = ARGV[i], ARGV[i + 1]
  local is_new = 1
  if name ~= "" then
    is_new = 1 - redis.call("SISMEMBER", KEYS[4], name)
    if is_new == 1 and clocks_differ then
      is_new = 1 - redis.call("SISMEMBER", KEYS[5], name)
    end
    if is_new == 1 then
      is_new = redis.call("SADD", KEYS[3], name)
    end
  end
  fresh[#fresh + 1] = is_new
  if is_new == 1 then
    texts[#texts + 1] = text
  end
end
if #texts > 0 then
  local entry = table.concat(texts, "\n")
  redis.call("XADD", KEYS[1], "*", "events", entry)
  redis.call("INCRBY", KEYS[2], #entry)
  redis.call("EXPIRE", KEYS[3], ARGV[2])
  if ARGV[4] ~= "" and redis.call("HLEN", KEYS[6]) < tonumber(ARGV[3]) then
    redis.call("HSET", KEYS[6], ARGV[4], ARGV[5])
  end
end
return fresh
