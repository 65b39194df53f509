-- Append events to the stream in one entry, all or nothing, leaving out those that came before.
-- KEYS[1] stream   entries of newline-separated events, until they are drained
-- KEYS[2] string   bytes of events that wait in the stream
-- KEYS[3] set      names of the events of today; KEYS[4] of yesterday
-- ARGV bytes that may wait, seconds until the names of a day are forgotten, then for each event: its name (empty:
--      it cannot come twice), its text
-- Returns false when too much waits; else for each event 1 if it is new, 0 if it came before.
if tonumber(redis.call("GET", KEYS[2]) or "0") > tonumber(ARGV[1]) then
  return false
end
local fresh, texts, n_bytes = {}, {}, 0
for i = 3, #ARGV, 2 do
  local name, text = ARGV[i], ARGV[i + 1]
  local is_new = 1
  if name ~= "" then
    is_new = 1 - redis.call("SISMEMBER", KEYS[4], name)
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
end
return fresh
