#!/usr/bin/env bash
# redis keeps 200,000 keys, dumps them from a forked member while it is written to, rewrites its log the same way, and
# ends when it is told to. A native redis reads what was written and must find the same.
. "$(dirname "$0")/../testlib.sh"
: "${HOST_PORT:?set HOST_PORT to a free port}"
. "$(dirname "$0")/native.sh"
keys=${KEYS:-200000}
data=$scratch/data
mkdir -m 1777 "$data"

answers() { [ "$(cli ping 2>&1)" = PONG ]; }

# Every kind of value that a dump has; most keys are strings, as in most databases.
fill() {
    awk -v keys="$keys" 'BEGIN {
        for (i = 1; i <= keys - 400; i++) print "SET key:" i " value-" i "-" i * 7919
        for (i = 1; i <= 100; i++) {
            list = "RPUSH list:" i; set = "SADD set:" i; hash = "HSET hash:" i; ranks = "ZADD ranks:" i
            for (j = 1; j <= 50; j++) {
                list = list " " j; set = set " m" i * j; hash = hash " f" j " " i + j; ranks = ranks " " j / 4 " m" j
            }
            print list "\n" set "\n" hash "\n" ranks
        }
    }' | cli --pipe >"$scratch/fill" 2>&1 && grep -q 'errors: 0' "$scratch/fill"
}

# start_writes: keys come and change from now on, until stop_writes.
start_writes() {
    (become redis-benchmark -h 127.0.0.1 -p "$HOST_PORT" -l -c 4 -r 5000 -q set written:__rand_int__ __rand_int__) \
        >/dev/null 2>&1 &
    writer=$!
}

# What the client had still sent is taken before its connections are seen to be closed.
stop_writes() {
    kill "$writer"
    wait "$writer" 2>/dev/null
    within 10 info_is connected_clients 1
}

# The digest of the very moment of the fork.
digest_and() { printf 'multi\ndebug digest\n%s\nexec\n' "$1" | cli | sed -n '/^[0-9a-f]\{40\}$/p'; }

wrote_on() { [ "$(info total_commands_processed)" -gt "$1" ]; }

# It saves when it is told to only: the dump that is looked at must be that of one moment.
family_start --port redis -p "$HOST_PORT:6379" -v "$data:/var/lib/redis" -- --enable-debug-command yes --save ''
if ! family_answers 20 answers; then
    not_ok "redis answers" "no answer; it says: $(family_words)"
    exit 1
fi
ok "redis answers"
check_says "redis takes $keys keys" "$scratch/fill" fill
check "redis counts $keys keys" "dbsize is another" [ "$(cli dbsize)" -eq "$keys" ]

start_writes
# A pause now and then, so that the save takes some seconds on any machine.
cli config set rdb-key-save-delay "-$((1 + 7 / patience))" >/dev/null
digest=$(digest_and bgsave)
before=$(info total_commands_processed)
check "writes continue during BGSAVE" "no command was taken" within 5 wrote_on "$((before + 100))"
check "BGSAVE is still under way then" "it ended before it could be seen" info_is rdb_bgsave_in_progress 1
check "BGSAVE ends" "still under way after 60 s" within 60 info_is rdb_bgsave_in_progress 0
check "BGSAVE succeeds" "rdb_last_bgsave_status is $(info rdb_last_bgsave_status)" info_is rdb_last_bgsave_status ok
stop_writes
check "the dump has what was there at the fork" "a native redis finds another content" \
    [ "$(digest_of "$data")" = "${digest:-none}" ]

start_writes
cli config set appendonly yes >/dev/null
check "the log begins" "its first rewrite is still under way after 60 s" within 60 info_is aof_rewrite_in_progress 0
cli bgrewriteaof >/dev/null
check "BGREWRITEAOF ends" "still under way after 60 s" within 60 info_is aof_rewrite_in_progress 0
check "BGREWRITEAOF succeeds" "another status" info_is aof_last_bgrewrite_status ok
stop_writes
digest=$(cli debug digest)

benchmark() {
    native redis-benchmark -h 127.0.0.1 -p "$HOST_PORT" -n "${REQUESTS:-5000}" -c 50 --csv >"$scratch/benchmark" 2>&1
    [ "$(grep -c '^"[A-Z].*"[0-9.]*"$' "$scratch/benchmark")" -ge 15 ] && ! grep -q -i error "$scratch/benchmark"
}
cli shutdown nosave 2>/dev/null
if within 20 family_is_gone; then
    wait "$family_pid"
    check "SHUTDOWN ends the family with status 0" "another status" [ $? -eq 0 ]
else
    not_ok "SHUTDOWN ends the family with status 0" "still there after 20 s"
fi
check "the log has all that was written" "a native redis finds another content" \
    [ "$(digest_of "$data" --appendonly yes)" = "$digest" ]

family_start --port redis -p "$HOST_PORT:6379" -v "$data:/var/lib/redis" -- --appendonly yes --save '' \
    --enable-debug-command yes
check "redis starts from its log" "no answer; it says: $(family_words)" family_answers 30 answers
check "redis finds what it wrote" "another content" [ "$(cli debug digest)" = "$digest" ]
check_says "redis-benchmark passes" "$scratch/benchmark" benchmark
# Who asked while the log was still being read was told so.
errors=$(cli info errorstats | tr -d '\r' | grep '^errorstat_' | grep -v '^errorstat_LOADING:' | paste -sd' ')
check "no command failed" "$errors" [ -z "$errors" ]
family_ends "TERM ends the family with status 0" 20
