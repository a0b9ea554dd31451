# Families share the pages of files: one copy for all, whichever of them ends, and however.
. xtask/lab/tests/lib.sh
size=24
big=/tmp/files.big
logs=/tmp/files.logs
mkdir -p "$logs"
dd if=/dev/urandom of="$big" bs=1M count=$size 2>/dev/null
# A file that was changed just now is nobody's but the family's.
sleep 3
trap 'status=$?; for name in a b c d e; do [ -f "$logs/$name.pid" ] && kill "$(cat "$logs/$name.pid")"; done 2>/dev/null; wait; rm -rf "$big" "$logs"; exit $status' EXIT

free() { xl info free_memory; }

rounds() { grep -c '^round' "$logs/$1"; }

more() { [ "$(rounds "$1")" -gt "$2" ]; }

# maps NAME: a family that maps the file.
maps() {
    offshoot run --platform xen --name "$1" -- /lab/bin/offshoot-lab-maps "$big" >"$logs/$1" 2>&1 </dev/null &
    echo $! >"$logs/$1.pid"
    within 60 more "$1" 1 || fail "$1 does not start: $(cat "$logs/$1")"
    # Two shells more are made meanwhile.
    sleep 2
}

# go_on WHAT NAME...: these families look at the file and find what it is.
go_on() {
    what=$1
    shift
    for name; do
        within 60 more "$name" $(($(rounds "$name") + 1)) || fail "$what: $name does not go on: $(tail -n 3 "$logs/$name")"
        ! grep -v '^round' "$logs/$name" || fail "$what: $name"
    done
}

# ends NAME SIGNAL
ends() {
    pid=$(cat "$logs/$1.pid")
    rm "$logs/$1.pid"
    kill -"$2" "$pid"
    wait "$pid" || return 0
}

# takes NAME WHAT MOST: what a further family of the same file may take, in MiB.
takes() {
    before=$(free)
    maps "$1"
    took=$((before - $(free)))
    echo "$1 takes $took MiB, the first family took $whole"
    [ "$took" -le "$3" ] || fail "$2"
}

whole=$(free)
maps a
whole=$((whole - $(free)))
[ "$whole" -ge "$size" ] || fail "the file's pages take $whole MiB: the test tells nothing"
takes b "the file is there twice" $((whole - size + 3))
takes c "the file is there twice" $((whole - size + 3))
ends a TERM
go_on "the first family ended" b c
xl domid offshoot.files >/dev/null || fail "the holder of the files has no name of its own"
ends b KILL
offshoot ps >/dev/null 2>&1
go_on "a monitor was killed" c
takes d "the file is there twice, since the first family ended" $((whole - size + 3))
xl destroy offshoot.files
gone() { [ -z "$(xl list | grep -e '(null)' -e offshoot.files)" ]; }
within 30 gone || fail "families keep what an operator has destroyed: $(xl list)"
go_on "an operator destroyed the common pages" c d
takes e "a family after that takes more than the first" $((whole + 3))
ends e KILL
offshoot ps >/dev/null 2>&1
go_on "another monitor was killed" c d
ends c TERM
ends d TERM
