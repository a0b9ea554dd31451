//! The lab's tests. To add one, add a row: a shell line that is passed when its status is 0.

/// Where a test's line runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In dom0, in the repository's folder, with the built programs on the PATH.
    Dom0,
    /// Beside the lab: `$OFFSHOOT` is the command in dom0, `$HOST_PORT` leads to the same port there.
    Here,
    /// As [`Place::Dom0`], in a lab of its own whose Xen is booted with these options.
    Fresh(&'static str),
}

/// A test.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub name: &'static str,
    pub place: Place,
    /// A shell line.
    pub line: &'static str,
    /// How many seconds it may take.
    pub seconds: u64,
}

/// Tests that are run when they are named: they take too long for every run of all.
pub const NAMED: [&str; 1] = ["postgres"];

/// Children whose parents end first, ten deep.
const ORPHANS: &str = r#"test "$(offshoot run --platform xen -- /bin/busybox sh -c '
    x=kept; deep() { if [ $1 = 0 ]; then sleep 1; echo $x; else (deep $(($1 - 1))) & fi; }; deep 10 | cat')" = kept"#;
/// Forks one right after the other, while earlier children still copy: none of them is lost.
const CROWD: &str = "offshoot run --platform xen /lab/bin/offshoot-lab-tries crowd 12 10";
/// `xl` sees members by name, may pause them, and an operator's `xl destroy` is a SIGKILL.
const OPERATOR: &str = r#"
    offshoot run --platform xen --name op -- /bin/busybox sh -c 'sleep 100 & wait $!; echo $? >/dev/stdout' >/tmp/op 2>&1 &
    for i in $(seq 50); do xl domid op.2 >/dev/null 2>&1 && break; usleep 200000; done
    xl pause op.2 && xl unpause op.2 && offshoot tree op | grep -q "domain $(xl domid op.2)" || exit 1
    xl destroy op.2; wait; grep -q 137 /tmp/op"#;
/// The next command removes what a killed monitor has left.
const KILLED: &str = r#"
    offshoot run --platform xen --name gone -- /bin/busybox sleep 100 & monitor=$!
    for i in $(seq 50); do xl domid gone.1 >/dev/null 2>&1 && break; usleep 200000; done
    kill -9 $monitor; wait; xl domid gone.1 >/dev/null || exit 1; offshoot ps 2>/dev/null; ! xl domid gone.1 >/dev/null 2>&1"#;
/// A family that is told to end leaves nothing.
const TOLD: &str = r#"
    offshoot run --platform xen --name told -- /bin/busybox sleep 100 & monitor=$!
    for i in $(seq 50); do xl domid told.1 >/dev/null 2>&1 && break; usleep 200000; done
    kill -TERM $monitor; wait $monitor; test $? = 143"#;

/// Data goes from domain to domain: 10,000 more messages do not wake the monitor more often (its own timers do, now and then).
const MESSAGES: &str = r#"cd /
    wakes() { busybox time -v offshoot run --platform xen /lab/bin/offshoot-lab-bench trips $1 2>&1 | awk '/Voluntary/ {print $NF}'; }
    few=$(wakes 100); many=$(wakes 5100); echo "the monitor slept $few and $many times"
    test -n "$few" && test $((many - few)) -lt 500"#;

/// A quarter of the differential cases.
macro_rules! cases {
    ($share:literal) => {
        Row {
            name: concat!("cases ", $share),
            place: Place::Dom0,
            line: concat!(
                "cd /; offshoot-compat-tests run --offshoot $OFFSHOOT --out $LAB_COMPAT --jobs 1 \
                 --cases $OLDPWD/compat-tests/cases --expectations $OLDPWD/compat-tests/expectations/xen.toml \
                 --patience 6 --lenient --share ",
                $share,
                "/4"
            ),
            seconds: 900,
        }
    };
}

/// All of them.
pub const ROWS: [Row; 28] = [
    Row { name: "xenctl", place: Place::Dom0, line: "xenctl-selftest", seconds: 120 },
    Row {
        name: "busybox",
        place: Place::Dom0,
        line: "cd /; test \"$($OFFSHOOT run /bin/busybox sh -c 'echo a | busybox cat; busybox true && exit 5' | cat)\" = a; \
               $OFFSHOOT run /bin/busybox sh -c 'exit 5'; test $? = 5",
        seconds: 60,
    },
    Row { name: "orphans", place: Place::Dom0, line: ORPHANS, seconds: 180 },
    Row { name: "crowd", place: Place::Dom0, line: CROWD, seconds: 120 },
    Row { name: "operator", place: Place::Dom0, line: OPERATOR, seconds: 120 },
    Row { name: "killed monitor", place: Place::Dom0, line: KILLED, seconds: 120 },
    Row { name: "told to end", place: Place::Dom0, line: TOLD, seconds: 120 },
    Row { name: "messages", place: Place::Dom0, line: MESSAGES, seconds: 120 },
    Row { name: "rest", place: Place::Dom0, line: "sh xtask/lab/tests/rest.sh", seconds: 180 },
    Row { name: "destroy", place: Place::Dom0, line: "sh xtask/lab/tests/destroy.sh", seconds: 600 },
    Row { name: "pause", place: Place::Dom0, line: "sh xtask/lab/tests/pause.sh", seconds: 600 },
    Row { name: "shells", place: Place::Dom0, line: "sh xtask/lab/tests/shells.sh", seconds: 300 },
    Row { name: "event channels", place: Place::Dom0, line: "sh xtask/lab/tests/channels.sh", seconds: 520 },
    Row { name: "xen memory", place: Place::Dom0, line: "sh xtask/lab/tests/xen_memory.sh", seconds: 300 },
    Row {
        name: "monitor memory",
        place: Place::Dom0,
        line: "sh xtask/lab/tests/monitor_memory.sh",
        seconds: 300,
    },
    Row { name: "dom0 memory", place: Place::Dom0, line: "sh xtask/lab/tests/dom0_memory.sh", seconds: 120 },
    Row {
        name: "tables",
        place: Place::Fresh("gnttab_max_frames=4 gnttab_max_maptrack_frames=4"),
        line: "sh xtask/lab/tests/tables.sh",
        seconds: 300,
    },
    Row { name: "files", place: Place::Dom0, line: "sh xtask/lab/tests/files.sh", seconds: 240 },
    Row { name: "hostile", place: Place::Dom0, line: "sh xtask/lab/tests/hostile.sh", seconds: 400 },
    Row { name: "bash", place: Place::Dom0, line: "bash ports/bash/smoke.sh", seconds: 300 },
    Row { name: "python", place: Place::Here, line: "bash ports/python/smoke.sh", seconds: 900 },
    // Its clients run in dom0 too: the emulated network loses connections when fifty come at once.
    Row {
        name: "redis",
        place: Place::Dom0,
        line: "HOST_PORT=6390 REQUESTS=500 bash ports/redis/smoke.sh",
        seconds: 900,
    },
    Row {
        name: "postgres",
        place: Place::Dom0,
        line: "HOST_PORT=5433 TRANSACTIONS=10 bash ports/postgres/smoke.sh",
        seconds: 900,
    },
    Row { name: "nginx", place: Place::Here, line: "bash ports/nginx/smoke.sh", seconds: 300 },
    cases!("1"),
    cases!("2"),
    cases!("3"),
    cases!("4"),
];
