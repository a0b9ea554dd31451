# Runs the tests of some applets. Arguments: their names. The testsuite wants the program and its configuration in one
# folder that it may write to, and the tests in another. Between the applets it is asked for tests of one that is called
# `=NAME=` and is not built, so that what it prints says whose tests follow.
set -e
cp -r /suite/testsuite /work/testsuite
mkdir /work/bin
cp /usr/bin/busybox /work/bin
cp /suite/config /work/bin/.config
cd /work/testsuite
for applet; do
    : >"=$applet=.tests"
    set -- "$@" "=$applet=" "$applet"
    shift
done
bindir=/work/bin exec ./runtest -v "$@"
