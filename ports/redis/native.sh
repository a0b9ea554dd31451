# The port's own programs run natively, by the root's own dynamic linker: as clients, and as the judge of what redis wrote.
# shellcheck shell=bash

root=${ROOT:-$("$OFFSHOOT" port build redis)}

linker=("$root/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" --library-path "$root/lib/x86_64-linux-gnu:$root/usr/lib/x86_64-linux-gnu")

# native PROGRAM ARGUMENTS...: a program of the root's /usr/bin.
native() { "${linker[@]}" "$root/usr/bin/$1" "${@:2}"; }

# become PROGRAM ARGUMENTS...: the same instead of this shell.
become() { exec "${linker[@]}" "$root/usr/bin/$1" "${@:2}"; }

# cli ARGUMENTS...: redis-cli, speaking to the family.
cli() { native redis-cli -h 127.0.0.1 -p "$HOST_PORT" "$@"; }

# info FIELD: one figure of INFO.
info() { cli info everything | tr -d '\r' | sed -n "s/^$1://p"; }

info_is() { [ "$(info "$1")" = "$2" ]; }

# digest_of DIRECTORY ARGUMENTS...: the digest of all that a native redis finds in the directory.
digest_of() {
    local directory=$1 judge digest
    shift
    mkdir "$scratch/judge"
    (
        cd "$directory" || exit
        become redis-server --port 0 --unixsocket "$scratch/judge/socket" --enable-debug-command yes \
            --save '' "$@"
    ) >"$scratch/judge/log" 2>&1 &
    judge=$!
    loaded() { native redis-cli -s "$scratch/judge/socket" ping 2>&1 | grep -q PONG; }
    if within 60 loaded; then
        digest=$(native redis-cli -s "$scratch/judge/socket" debug digest)
    else
        digest="nothing: $(tail -n 1 "$scratch/judge/log")"
    fi
    kill "$judge"
    wait "$judge"
    rm -r "$scratch/judge"
    echo "$digest"
}
