#!/usr/bin/env bash
# nginx as a server under load: four workers, no lost request across reloads, reopened logs, a killed worker
# replaced, and a graceful end. The clients are wrk and curl.
. "$(dirname "$0")/../testlib.sh"
: "${HOST_PORT:?set HOST_PORT to a free port with a free one after it}"
here=$(cd "$(dirname "$0")" && pwd)
url=http://127.0.0.1:$HOST_PORT
slow=http://127.0.0.1:$((HOST_PORT + 1))
log=$scratch/log

answers() { curl --silent --max-time 5 --output /dev/null "$url/"; }

# The workers that wrote the last LINES lines of the access log, one pid each.
workers() { tail -n "$1" "$log/access.log" 2>/dev/null | cut -d' ' -f1 | sort -un; }

# signal NAME: to the master, which is the family's first program.
signal() { kill -"$1" "$family_pid"; }

# load SECONDS HEADER...: runs wrk and sets `requests` and `errors`.
load() {
    local seconds=$1 report
    shift
    report=$(wrk --threads 2 --connections 32 --duration "${seconds}s" --timeout 10s "$@" "$url/1k.txt" 2>&1)
    requests=$(awk '/requests in/ { print $1 }' <<<"$report")
    errors=$(grep -E 'Socket errors|Non-2xx' <<<"$report" | tr -s ' ' | paste -sd' ')
    requests=${requests:-0}
    [ "$requests" -gt 0 ] || errors=${errors:-$(tail -n 1 <<<"$report")}
}

# load_until COUNT HEADER...: until so many requests were answered, for a minute at most.
load_until() {
    local wanted=$1 total=0 deadline=$((SECONDS + 60))
    shift
    while [ "$total" -lt "$wanted" ] && [ "$SECONDS" -lt "$deadline" ]; do
        load 3 "$@"
        total=$((total + requests))
        if [ -n "$errors" ]; then
            echo "$errors after $total requests"
            return
        fi
    done
    [ "$total" -ge "$wanted" ] || echo "only $total requests in a minute"
}

# expect_nothing NAME TEXT: the text is the reason of a failure.
expect_nothing() { if [ -z "$2" ]; then ok "$1"; else not_ok "$1" "$2"; fi; }

mkdir -m 1777 "$log"
family_start --port nginx -p "$HOST_PORT:8080" -p "$((HOST_PORT + 1)):8081" \
    -v "$log:/var/log/nginx" -v "$here/suite:/etc/nginx/conf.d:ro"
if ! family_answers 20 answers; then
    not_ok "nginx answers" "no answer; it says: $(family_words)"
    exit 1
fi

expect_nothing "20,000 keep-alive requests without an error" "$(load_until 20000)"
expect_nothing "2,000 new connections without an error" "$(load_until 2000 --header 'Connection: close')"
served=$(workers 1000000 | wc -l)
check "every worker serves" "$served of 4 do" [ "$served" -eq 4 ]

# Idle kept connections are closed by a reload, on any system: new connections are what must not get lost.
before=$(workers 1000000)
{
    load 6 --header 'Connection: close'
    echo "$errors" >"$scratch/hup"
} &
loader=$!
sleep 2
signal HUP
wait "$loader"
expect_nothing "HUP under load loses no request" "$(cat "$scratch/hup")"
load 2 --header 'Connection: close'
fresh=$(comm -13 <(sort <<<"$before") <(workers 500 | sort) | wc -l)
check "HUP starts new workers" "no new pid in the log" [ "$fresh" -gt 0 ]

mv "$log/access.log" "$log/access.log.1"
signal USR1
reopened() { answers && [ -s "$log/access.log" ]; }
check "USR1 reopens the logs" "nothing in the new access.log" within 10 reopened

victim=$(workers 1 | head -n 1)
load 2
before=$(workers 1000000)
if "$OFFSHOOT" kill --signal KILL "$family_name/$victim"; then
    replaced() {
        load 1 --header 'Connection: close'
        [ "$(comm -13 <(sort <<<"$before") <(workers 1000 | sort) | wc -l)" -gt 0 ]
    }
    check "a killed worker is replaced" "no new pid in the log" within 3 replaced
    load 2
    expect_nothing "no error after the replacement" "$errors"
else
    not_ok "a killed worker is replaced" "offshoot kill failed"
fi

curl --silent --max-time 20 --output "$scratch/slow" "$slow/1k.txt" &
download=$!
sleep 1
signal QUIT
check "QUIT lets a running download finish" "curl failed" wait "$download"
check "QUIT: the download is complete" "the bytes differ" cmp --silent "$scratch/slow" "$here/html/1k.txt"
if within 10 family_is_gone; then
    wait "$family_pid"
    check "QUIT ends the family with status 0" "another status" [ $? -eq 0 ]
else
    not_ok "QUIT ends the family with status 0" "still there after 10 s"
fi
