#!/usr/bin/env bash
# nginx serves files to curl, and ends when it is told to.
. "$(dirname "$0")/../testlib.sh"
: "${HOST_PORT:?set HOST_PORT to a free port}"
here=$(cd "$(dirname "$0")" && pwd)
url=http://127.0.0.1:$HOST_PORT

get() { curl --silent --show-error --max-time $((5 * patience)) "$@" 2>&1; }

answers() { [ "$(get --output /dev/null --write-out '%{http_code}' "$url/")" = 200 ]; }

serves_the_file() { get "$url/1k.txt" | cmp --silent - "$here/html/1k.txt"; }

serves_the_index() { get "$url/" | grep -q 'nginx on Offshoot'; }

says_404() { [ "$(get --output /dev/null --write-out '%{http_code}' "$url/nothing-here")" = 404 ]; }

answers_head() { get --head "$url/1k.txt" | grep -qi 'content-length: 1024'; }

serves_a_range() { [ "$(get --range 0-7 "$url/1k.txt")" = Offshoot ]; }

keeps_alive() {
    [ "$(get --write-out '%{num_connects}\n' --output /dev/null "$url/1k.txt" --output /dev/null "$url/1k.txt" | paste -sd,)" = 1,0 ]
}

is_closed() { ! curl --silent --max-time 2 --output /dev/null "$url/"; }

family_start --port nginx -p "$HOST_PORT:8080"
if ! family_answers 20 answers; then
    not_ok "nginx answers" "no answer; it says: $(family_words)"
    exit 1
fi
ok "nginx answers"
check "nginx serves a file" "the bytes differ" serves_the_file
check "nginx serves its index" "not the page" serves_the_index
check "nginx says 404" "another status" says_404
check "nginx answers HEAD" "no content-length of 1024" answers_head
check "nginx serves a range" "other bytes" serves_a_range
check "nginx keeps a connection" "curl had to connect twice" keeps_alive

family_ends "nginx ends with status 0 on TERM" 10
check "the port is closed after the end" "somebody still answers" is_closed
