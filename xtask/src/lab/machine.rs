//! The emulated machine: started, waited for, stopped.
//!
//! The settings are those with which Xen is known to run well under emulation: one processor and one thread of it (with
//! more, guests die of triple faults), no XSAVE (dom0's programs crash), no SMAP. See docs/lab.md.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use portkit::Progress;
use rustix::process::{Pid, Signal, kill_process};

use super::base::Base;
use super::place::Place;

/// The port on which the agent listens in dom0.
const AGENT: u16 = 2222;

/// dom0's command line. With FSGSBASE a PV kernel reads an MSR at each change of threads, which traps into Xen.
const DOM0: &str = "console=hvc0 rdinit=/init nofsgsbase quiet";

/// What can be chosen about the machine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Memory of the machine, in MiB.
    pub memory: u32,
    /// dom0's part of it.
    pub dom0_memory: u32,
    /// Whether one instruction is one nanosecond of everybody's clock.
    pub icount: bool,
    /// Ports of the host that lead into dom0: (host, dom0).
    pub ports: Vec<(u16, u16)>,
    /// More words for Xen's command line.
    pub xen_options: String,
    /// Whether it outlives this program; otherwise it ends with it, however that happens.
    pub keep: bool,
}

/// A machine that runs.
#[derive(Debug)]
pub struct Machine {
    place: Place,
    pid: Pid,
    /// The host's port that leads to the agent.
    pub agent: u16,
    /// Set when this process started it.
    child: Option<Child>,
}

impl Machine {
    /// The lab's machine, if it runs.
    pub fn running(place: &Place) -> Option<Machine> {
        let text = fs::read_to_string(place.running()).ok()?;
        let mut lines = text.lines();
        let pid: i32 = lines.next()?.parse().ok()?;
        let agent = lines.next()?.parse().ok()?;
        // Another process may have the number by now.
        let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let own = place.dir().to_string_lossy().into_owned();
        let ours = String::from_utf8_lossy(&command).contains(&own);
        Some(Machine { place: place.clone(), pid: Pid::from_raw(pid).filter(|_| ours)?, agent, child: None })
    }

    /// Boots a machine and waits until its dom0 is ready. `shares` are folders of the host that dom0 sees at the same
    /// place, read-only.
    pub fn boot(
        place: &Place,
        base: &Base,
        shares: &[&Path],
        settings: &Settings,
        progress: &Progress,
    ) -> Result<Machine> {
        for stale in [place.running(), place.monitor(), place.terminal(), place.console()] {
            let _ = fs::remove_file(stale);
        }
        let agent = free_port()?;
        let log = File::create(place.qemu_log()).context("cannot make QEMU's log")?;
        let mut command = Command::new("setpriv");
        let fate = if settings.keep { "keep" } else { "TERM" };
        command.args(["--pdeathsig", fate, "qemu-system-x86_64"]);
        command.args(arguments(place, base, shares, settings, agent)?);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let child = command.spawn().context("cannot run setpriv (Debian's util-linux)")?;
        let pid = Pid::from_child(&child);
        fs::write(place.running(), format!("{}\n{agent}\n", child.id()))
            .context("cannot note the machine")?;
        let mut machine = Machine { place: place.clone(), pid, agent, child: Some(child) };
        let step = progress.step("Booting", "Xen and its dom0");
        let ready = machine.wait_ready(if settings.icount { 300 } else { 120 });
        // With an instruction clock the emulator's timers run in the processor's thread: none is lost.
        let may_lose = !settings.icount && !has_nested_kvm();
        let ready = ready.and_then(|()| if may_lose { machine.tick() } else { Ok(()) });
        match ready {
            Ok(()) => {
                step.done("Booted", "Xen and its dom0");
                Ok(machine)
            }
            Err(error) => {
                step.clear();
                machine.stop();
                Err(error)
            }
        }
    }

    fn wait_ready(&mut self, seconds: u64) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < deadline {
            let console = self.console();
            if console.contains("LAB: READY") {
                return Ok(());
            }
            let bad = ["Panic on CPU", "Dom0 crashed", "Kernel panic", "LAB: FAILED"];
            if let Some(line) = console.lines().find(|line| bad.iter().any(|word| line.contains(word))) {
                bail!("the lab does not boot: {} (see {})", line.trim(), self.place.console().display());
            }
            if self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(Some(_)))) {
                let log = fs::read_to_string(self.place.qemu_log()).unwrap_or_default();
                bail!("QEMU ended: {}", log.lines().last().unwrap_or("it says nothing").trim());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("the lab is not ready after {seconds} s (see {})", self.place.console().display())
    }

    /// What Xen and dom0 have printed.
    pub fn console(&self) -> String {
        fs::read(self.place.console())
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .unwrap_or_default()
    }

    /// Lets a port of the host lead to one of dom0, from now on.
    pub fn forward(&self, host: u16, dom0: u16) -> Result<()> {
        let answer = self.monitor(&format!("hostfwd_add n0 tcp:127.0.0.1:{host}-:{dom0}"))?;
        if answer.contains("ould not set up") || answer.contains("nvalid") {
            bail!("port {host} cannot be forwarded: it is in use");
        }
        Ok(())
    }

    /// Lets an interrupt come every 55 ms, which Xen takes and does nothing for: the PIT's, in mode 2 with the longest period.
    ///
    /// The emulator loses interrupts. Its timers' thread marks the processor's word of requests while the processor's own,
    /// at a VM exit (`do_vmexit`, target/i386/tcg), clears another bit of it without a lock; QEMU 7.2 has that, later ones
    /// do not. Then the local APIC's timer stays pending, no timer of Xen's runs, and a processor that halts sleeps on, until
    /// any other interrupt makes the emulator look at the APIC again.
    fn tick(&self) -> Result<()> {
        for line in ["o/b 0x43 0x34", "o/b 0x40 0xff", "o/b 0x40 0xff"] {
            self.monitor(line)?;
        }
        Ok(())
    }

    /// A command of QEMU's monitor, and what it answers.
    fn monitor(&self, line: &str) -> Result<String> {
        let mut socket = UnixStream::connect(self.place.monitor()).context("cannot reach QEMU's monitor")?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        until_prompt(&mut socket)?;
        socket.write_all(format!("{line}\n").as_bytes())?;
        until_prompt(&mut socket)
    }

    /// Ends the machine, and waits until it is gone.
    pub fn stop(mut self) {
        // One that is gone already is well stopped.
        let _ = kill_process(self.pid, Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.is_alive() {
            if Instant::now() > deadline {
                let _ = kill_process(self.pid, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = fs::remove_file(self.place.running());
    }

    fn is_alive(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => Machine::running(&self.place).is_some(),
        }
    }
}

/// Reads what the monitor says up to its next prompt.
fn until_prompt(socket: &mut UnixStream) -> Result<String> {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"(qemu) ") {
        if socket.read(&mut byte).context("QEMU's monitor does not answer")? == 0 {
            bail!("QEMU's monitor hung up");
        }
        text.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A port that nobody listens on. Somebody may take it before QEMU does; then QEMU says so.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").context("no free port")?.local_addr()?.port())
}

fn arguments(
    place: &Place,
    base: &Base,
    shares: &[&Path],
    settings: &Settings,
    agent: u16,
) -> Result<Vec<String>> {
    let mut arguments: Vec<String> = Vec::new();
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(|word| (*word).to_owned()));
    add(&["-M", "q35", "-m", &settings.memory.to_string()]);
    if has_nested_kvm() && !settings.icount {
        add(&["-accel", "kvm", "-cpu", "host", "-smp", "2"]);
    } else {
        add(&["-accel", "tcg,thread=single", "-cpu", "max,-smap,-xsave", "-smp", "1"]);
    }
    if settings.icount {
        add(&["-icount", "shift=0"]);
    }
    add(&["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
    add(&["-serial", &format!("file:{}", path(&place.console())?)]);
    add(&["-serial", &format!("unix:{},server=on,wait=off", path(&place.terminal())?)]);
    add(&["-monitor", &format!("unix:{},server=on,wait=off", path(&place.monitor())?)]);
    let mut forwards = format!("hostfwd=tcp:127.0.0.1:{agent}-:{AGENT}");
    for (host, dom0) in &settings.ports {
        forwards.push_str(&format!(",hostfwd=tcp:127.0.0.1:{host}-:{dom0}"));
    }
    add(&["-netdev", &format!("user,id=n0,{forwards}"), "-device", "virtio-net-pci,netdev=n0,romfile="]);
    let share = |tag: &str, dir: &Path, more: &str| -> Result<String> {
        Ok(format!("local,path={},mount_tag={tag},security_model=none,id={tag}{more}", path(dir)?))
    };
    add(&["-virtfs", &share("lab", &place.share(), "")?]);
    let mut mounts = Vec::new();
    for (index, dir) in shares.iter().enumerate() {
        add(&["-virtfs", &share(&format!("host{index}"), dir, ",readonly=on")?]);
        mounts.push(format!("host{index}:{}", path(dir)?));
    }
    // Commas part the modules here; a doubled one is a comma.
    let dom0 = format!("{DOM0} lab.shares={}", mounts.join(",")).replace(',', ",,");
    add(&["-kernel", &path(&base.xen)?]);
    add(&["-initrd", &format!("{} {dom0},{}", path(&base.kernel)?, path(&base.initramfs)?)]);
    let memory = settings.dom0_memory;
    add(&[
        "-append",
        &format!(
            "console=com1 com1=115200 loglvl=warning guest_loglvl=warning dom0_mem={memory}M,max:{memory}M \
             dom0_max_vcpus=1 noreboot {}",
            settings.xen_options
        ),
    ]);
    Ok(arguments)
}

/// A path as QEMU's options take it.
fn path(path: &Path) -> Result<String> {
    let text = path.to_string_lossy();
    if text.contains([',', ' ', ':']) {
        bail!(
            "the lab cannot use {text}: a comma, a colon or a space is in its name; OFFSHOOT_CACHE chooses another place"
        );
    }
    Ok(text.into_owned())
}

/// Whether this machine's processors can run a hypervisor in a virtual machine.
fn has_nested_kvm() -> bool {
    let nested = ["kvm_intel", "kvm_amd"].iter().any(|module| {
        fs::read_to_string(format!("/sys/module/{module}/parameters/nested"))
            .is_ok_and(|text| matches!(text.trim(), "Y" | "1"))
    });
    nested && File::options().read(true).write(true).open("/dev/kvm").is_ok()
}
