-- restore: puts a user back whose keys are missing; with `force`, whatever is known of them here, and as of now; with `wholeAsOf` (an index of the log) over one who is
-- there, but patched. ARGV[1] JSON {epoch, user, mark, erasedAt, expiredAt (ms, -1 for never), rev, since, force, wholeAsOf}, then the user.
-- Answers 'stale', 'refused', 'behind' (more came of the user since) or 'ok'.
local request = cjson.decode(ARGV[1])
if call('HGET', META, 'epoch') ~= request.epoch then return 'stale' end
local erased = number_at(TOMBSTONES, request.mark) or -1
local found = parse(get(false, 'HGET', USERS, request.user) or '')
-- Who is here although they should be gone, stays until the erasure itself comes.
local overdue = request.force and found and (found.since or 0) > 0 and found.since <= erased
if not overdue and (erased > request.erasedAt or request.since > 0 and request.since <= erased) then return 'refused' end
if (number_at(EXPIRIES, request.mark) or -1) > request.expiredAt then return 'refused' end
local as_of_now = request.force or request.wholeAsOf
if found and found.rev ~= request.rev and not as_of_now then return 'refused' end
local keys = keys_of(request.user)
if request.wholeAsOf then
  -- Somebody else was faster; or they are lost altogether, which is another matter.
  if not found or call('SISMEMBER', PATCHED, request.user) == 0 then
    call('SREM', PATCHED, request.user)
    return 'ok'
  end
  if (tonumber(found.rev) or 0) > request.wholeAsOf then return 'behind' end
elseif request.force then
  -- Somebody else was faster, and more may have come since.
  local record, _, broken = load_user(request.user, keys)
  if record and not broken and fits(keys, record) and (not record.alert or is_whole(record.alert)) then return 'ok' end
elseif not found and (tonumber(call('LINDEX', keys.entries, -1) or nil) or 0) > request.rev then
  return 'refused'
end
drop_user(request.user, keys)
put_user(request.user, keys)
raise_mark(TOMBSTONES, request.mark, request.erasedAt)
raise_mark(EXPIRIES, request.mark, request.expiredAt)
write_all()
if as_of_now then
  local record = load_user(request.user, keys)
  meet_policies(keys, record, now_here())
  record.rev = number_at(META, 'n')
  call('HSET', USERS, request.user, text_of(record))
end
return 'ok'
