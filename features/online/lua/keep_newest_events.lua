-- Merge values of live state into what is kept: the same whatever the order, however often they come.
-- KEYS strings, one an identifier: the values that are kept, packed as features/online/live_value.py says; what brings
--      only what was shown does not keep the rest of a value for longer
-- ARGV events to keep, bytes of one event, seconds until a silent identifier is forgotten, then for each key the value
--      to merge into it
local most, width = tonumber(ARGV[1]), tonumber(ARGV[2])
local EMPTIED, ALLOWED, UNPLACED, SHOWN = 16, 17, 18, 19

-- By bytes; the operator `>` would go by the alphabet of the server's locale.
local function is_later(one, other)
  for i = 1, math.min(#one, #other) do
    local a, b = one:byte(i), other:byte(i)
    if a ~= b then
      return a > b
    end
  end
  return #one > #other
end

local function split(value)
  local places, at = {}, 2
  for _ = 1, value:byte(1) do
    local kind, length = value:byte(at, at + 1)
    places[kind] = value:sub(at + 2, at + 1 + length)
    at = at + 2 + length
  end
  return places, value:sub(at)
end

local function merged_events(kept, given)
  if kept == "" or given == "" or is_later(given:sub(-width), kept:sub(1, width)) then
    return (given .. kept):sub(1, most * width)
  end
  local events, i, j = {}, 1, 1
  while #events < most and (i <= #kept or j <= #given) do
    local one, other = kept:sub(i, i + width - 1), given:sub(j, j + width - 1)
    if one == other then
      i, j = i + width, j + width
      events[#events + 1] = one
    elseif is_later(one, other) then
      i = i + width
      events[#events + 1] = one
    else
      j = j + width
      events[#events + 1] = other
    end
  end
  return table.concat(events)
end

-- What is left of a value: nothing, if what emptied the key knows more of the ledger than what allowed the value.
local function since_emptied(emptied, places, events)
  if is_later(emptied, places[ALLOWED] or "") then
    return {}, ""
  end
  return places, events
end

-- What is left of a value's places when they are forgotten: what was said of consent.
local function without_places(places)
  return { [EMPTIED] = places[EMPTIED], [ALLOWED] = places[ALLOWED] }
end

-- Whether a value says what the shop did and nothing of what the shopper did.
local function says_only_shown(places, events)
  for kind in pairs(places) do
    if kind ~= SHOWN and kind ~= ALLOWED then
      return false
    end
  end
  return events == "" and places[SHOWN] ~= nil
end

-- Milliseconds until what is kept is to be forgotten.
local function left(key, given, given_events)
  local left_of_kept = says_only_shown(given, given_events) and redis.call("PTTL", key) or 0
  return left_of_kept > 0 and left_of_kept or ARGV[3] * 1000
end

local function keep(key, value)
  local places, events = split(redis.call("GET", key) or "\0")
  local given, given_events = split(value)
  local expires_in = left(key, given, given_events)
  local unplaced, other_unplaced = places[UNPLACED] or "", given[UNPLACED] or ""
  if is_later(other_unplaced, unplaced) then
    unplaced = other_unplaced
    places = without_places(places)
  end
  if is_later(unplaced, given[ALLOWED] or "") then
    given = without_places(given)
  end
  local emptied, other = places[EMPTIED] or "", given[EMPTIED] or ""
  if is_later(other, emptied) then
    emptied = other
  end
  local allowed
  if emptied ~= "" then
    places, events = since_emptied(emptied, places, events)
    given, given_events = since_emptied(emptied, given, given_events)
    allowed = places[ALLOWED] or given[ALLOWED]
    if given[ALLOWED] and is_later(allowed, given[ALLOWED]) then
      allowed = given[ALLOWED]
    end
    given[EMPTIED] = emptied
  end
  for kind, place in pairs(given) do
    if not places[kind] or is_later(place, places[kind]) then
      places[kind] = place
    end
  end
  places[ALLOWED] = allowed
  places[UNPLACED] = unplaced ~= "" and unplaced or nil
  local kinds, head = {}, ""
  for kind in pairs(places) do
    kinds[#kinds + 1] = kind
  end
  table.sort(kinds)
  for _, kind in ipairs(kinds) do
    head = head .. string.char(kind, #places[kind]) .. places[kind]
  end
  redis.call("SET", key, string.char(#kinds) .. head .. merged_events(events, given_events), "PX", expires_in)
end

for i, key in ipairs(KEYS) do
  keep(key, ARGV[3 + i])
end
