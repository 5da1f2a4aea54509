-- prolong: keeps the lease while nothing is written. ARGV[1] JSON {token}. Answers 'lost' or 'ok'.
return holds_lease(cjson.decode(ARGV[1]).token) and 'ok' or 'lost'
