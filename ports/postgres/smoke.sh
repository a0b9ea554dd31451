#!/usr/bin/env bash
# PostgreSQL makes a new cluster and serves it with a member for each connection: clients from outside write at the same
# time, queries run in parallel workers, a backend and then the whole server are killed, and nothing that was committed
# is lost. TRANSACTIONS is how many each client makes (100).
. "$(dirname "$0")/../testlib.sh"
: "${HOST_PORT:?set HOST_PORT to a free port}"
root=${ROOT:-$("$OFFSHOOT" port build postgres)}
data=$scratch/data
transactions=${TRANSACTIONS:-100}
mkdir -m 1777 "$data"

# client PROGRAM ARGUMENTS...: one of the root's own clients, natively, by the root's own dynamic linker.
client() {
    timeout $((120 * patience)) "$root/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" \
        --library-path "$root/lib/x86_64-linux-gnu:$root/usr/lib/x86_64-linux-gnu" \
        "$root/usr/lib/postgresql/15/bin/$1" -h 127.0.0.1 -p "$HOST_PORT" -U postgres "${@:2}"
}

# sql STATEMENTS: what they give, bare; PSQL_OPTIONS stand before.
sql() { client psql -X -A -t -q -v ON_ERROR_STOP=1 -d postgres -c "$1" 2>&1; }

# gives NAME STATEMENTS RESULT
gives() {
    local result
    result=$(sql "$2")
    if [ "$result" = "$3" ]; then ok "$1"; else not_ok "$1" "it gave '$result', not '$3'"; fi
}

answers() { [ "$(sql 'select 1')" = 1 ]; }

start() { family_start --port postgres -p "127.0.0.1:$HOST_PORT:5432" -v "$data:/var/lib/postgresql/data" -- "$@"; }

# balances: all four sums, which pgbench's transactions keep equal.
balances_agree() {
    [ "$(sql 'select (select sum(abalance) from pgbench_accounts) = (select sum(bbalance) from pgbench_branches)
        and (select sum(tbalance) from pgbench_tellers) = (select sum(delta) from pgbench_history)
        and (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history)')" = t ]
}

benchmark() {
    client pgbench -i -q -s 2 postgres >"$scratch/benchmark" 2>&1 &&
        client pgbench -c 8 -j 2 -t "$transactions" postgres >>"$scratch/benchmark" 2>&1 &&
        grep -q "actually processed: $((8 * transactions))/$((8 * transactions))" "$scratch/benchmark"
}

start
if ! family_answers 60 answers; then
    not_ok "a new cluster answers" "no answer; it says: $(family_words)"
    exit 1
fi
ok "a new cluster answers"
gives "PostgreSQL computes" 'select sum(n) from generate_series(1, 100000) n' 5000050000
check_says "eight clients' transactions pass" "$scratch/benchmark" benchmark
check "their sums agree" "they do not" balances_agree

# The first backend sleeps; it is a process of its own, and a signal of another one's reaches it.
sql 'select pg_sleep(60)' >"$scratch/sleeper" &
sleeper=$!
sleeping() { [ "$(sql "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)'")" = 1 ]; }
check "a second connection sees the first" "it is not there" within 10 sleeping
gives "one backend cancels another" \
    "select pg_cancel_backend(pid) from pg_stat_activity where query = 'select pg_sleep(60)'" t
wait "$sleeper"
check "who was canceled says so" "it says: $(cat "$scratch/sleeper")" \
    grep -q 'canceling statement' "$scratch/sleeper"
gives "a timer ends a statement" "set statement_timeout = 200; select pg_sleep(60)" \
    'ERROR:  canceling statement due to statement timeout'
check "a query runs in parallel workers" "no worker was started" grep -q 'Workers Launched: 2' \
    <(sql "set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0;
        set max_parallel_workers_per_gather = 2; explain analyze select count(*) from pgbench_accounts")
gives "a program of the guest feeds a table" \
    "create table lines (n int); copy lines from program 'seq 1000'; select sum(n) from lines" 500500

# A backend that dies may have spoilt the shared memory: PostgreSQL ends all of them and recovers from its log.
sql 'select pg_backend_pid(), pg_sleep(60)' >"$scratch/victim" &
victim=$!
victim_pid() { sql "select pid from pg_stat_activity where query like 'select pg_backend_pid(), %'"; }
sleeps() { [ -n "$(victim_pid)" ]; }
within 10 sleeps
check "a backend is killed" "offshoot says: $(cat "$scratch/kill" 2>/dev/null)" \
    "$OFFSHOOT" kill -s KILL "$family_name" "$(victim_pid)"
wait "$victim"
check "the server recovers" "no answer" within 30 answers
check "the sums still agree" "they do not" balances_agree

count=$(sql 'select count(*) from pgbench_history')
kill -KILL "$family_pid"
wait "$family_pid" 2>/dev/null
start -c fsync=off
check "a server that was killed recovers" "no answer; it says: $(family_words)" family_answers 60 answers
gives "it has every transaction" 'select count(*) from pgbench_history' "$count"
check "their sums agree after recovery" "they do not" balances_agree
family_ends "TERM ends the family with status 0" 30
