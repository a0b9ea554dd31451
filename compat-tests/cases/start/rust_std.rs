// A Rust program with std: threads, channels, files, a child process, a TCP connection and a panic that is caught.
// The standard library's documentation; each line says what was seen.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

fn main() {
    let (sender, receiver) = mpsc::channel();
    let threads: Vec<_> = (0..8u64)
        .map(|n| {
            let sender = sender.clone();
            thread::spawn(move || sender.send((n, (1..=1000 * n).sum::<u64>())).unwrap())
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    drop(sender);
    let sums: HashMap<u64, u64> = receiver.iter().collect();
    println!("sums from 8 threads: {}", sums.values().sum::<u64>());

    fs::create_dir_all("a/b").unwrap();
    fs::write("a/b/file", "written by Rust\n").unwrap();
    fs::rename("a/b/file", "a/moved").unwrap();
    println!("file: {}", fs::read_to_string("a/moved").unwrap().trim());
    println!("entries: {}", fs::read_dir("a").unwrap().count());
    println!("no such file: {:?}", fs::read("none").unwrap_err().kind());

    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"through cat").unwrap();
    println!("child: {}", String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap());
    println!("status: {:?}", Command::new("sh").args(["-c", "exit 7"]).status().unwrap().code());
    println!("no such program: {:?}", Command::new("no-such-program").spawn().unwrap_err().kind());

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut text = String::new();
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_to_string(&mut text).unwrap();
        stream.write_all(text.to_uppercase().as_bytes()).unwrap();
    });
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"over tcp").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    server.join().unwrap();
    println!("answer: {answer}");

    let before = Instant::now();
    thread::sleep(Duration::from_millis(20));
    println!("slept: {}", before.elapsed() >= Duration::from_millis(20));
    std::panic::set_hook(Box::new(|_| {}));
    println!("panic caught: {}", std::panic::catch_unwind(|| panic!("on purpose")).is_err());
}
