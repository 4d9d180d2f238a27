//! What has been acknowledged survives a loss of power: nothing of a message leaves by any socket before the database's log,
//! with the message in it, has been forced to the disk. Seen from outside, in what the kernel was asked for.
//!
//! That is of `SQLite`, whose log this process itself writes. PostgreSQL forces its log in processes of its own, before it
//! answers COMMIT, as long as `fsync` and `synchronous_commit` are on: `deskwire serve` asks for both at its start, says so in
//! its log, and warns where one is off. That no reply leaves before COMMIT is answered is the same code for both.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::{fs, path::Path, process::Stdio};

use deskwire_tests::{Client, Server, ServerOptions, Setting, within};
use futures::future::join_all;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
};

/// What the server asked the kernel for, in the order in which it did.
#[derive(Debug, PartialEq, Eq)]
enum Call<'t> {
    /// Something was written into the log of the database.
    LogWritten(&'t str),
    /// All of the log that was written before the sync began is on the disk.
    LogForced { began: usize },
    /// Something is about to be written to a socket.
    SocketWritten(&'t str),
}

/// The calls that matter, each with the line of its trace: the first one of what takes several.
fn calls(trace: &str) -> Vec<(usize, Call<'_>)> {
    let mut calls = Vec::new();
    let mut syncs_under_way = std::collections::HashMap::new();
    for (line, text) in trace.lines().enumerate() {
        // `PID CALL(…`, or `PID <... CALL resumed>…`.
        let Some((thread, rest)) = text.split_once(' ') else { continue };
        let rest = rest.trim_start();
        let of_log = rest.contains("deskwire.sqlite-wal>");
        if rest.starts_with("<... fdatasync resumed>") || rest.starts_with("<... fsync resumed>") {
            if let Some(began) = syncs_under_way.remove(thread) {
                assert!(rest.ends_with("= 0"), "a sync failed: {text}");
                calls.push((line, Call::LogForced { began }));
            }
        } else if rest.starts_with("fdatasync(") || rest.starts_with("fsync(") {
            if of_log && rest.ends_with("<unfinished ...>") {
                syncs_under_way.insert(thread, line);
            } else if of_log {
                assert!(rest.ends_with("= 0"), "a sync failed: {text}");
                calls.push((line, Call::LogForced { began: line }));
            }
        } else if of_log && (rest.starts_with("pwrite64(") || rest.starts_with("write(")) {
            calls.push((line, Call::LogWritten(rest)));
        } else if ["write(", "writev(", "sendto(", "sendmsg("].iter().any(|call| rest.starts_with(call))
            && rest.contains("<TCP:[")
        {
            calls.push((line, Call::SocketWritten(rest)));
        }
    }
    calls
}

/// A message that was acknowledged: its text, which the log has, and its id, which every frame that tells of it has.
#[derive(Debug)]
struct Acknowledged {
    text: String,
    message_id: String,
}

/// Whether a sync of the log that has the message precedes whatever tells of it; the line of that sync.
fn forced_before_told(calls: &[(usize, Call<'_>)], message: &Acknowledged) -> Result<usize, String> {
    let line_of =
        |is_it: &dyn Fn(&Call<'_>) -> bool| calls.iter().find(|(_, call)| is_it(call)).map(|(line, _)| *line);
    let written = line_of(&|call| matches!(call, Call::LogWritten(what) if what.contains(&message.text)))
        .ok_or_else(|| format!("{message:?} was never written to the log"))?;
    let forced = line_of(&|call| matches!(call, Call::LogForced { began } if *began > written))
        .ok_or_else(|| format!("{message:?} was written at {written} and never forced"))?;
    // A quote ends the id: that of the first message is the beginning of others.
    let id = format!("{}\\\"", message.message_id);
    let told = line_of(&|call| matches!(call, Call::SocketWritten(what) if what.contains(&id)))
        .ok_or_else(|| format!("nobody was told of {message:?}"))?;
    if forced < told {
        Ok(forced)
    } else {
        Err(format!("{message:?} was written at {written}, told at {told} and forced at {forced} only"))
    }
}

/// A process is followed with all its threads, until it ends.
struct Strace {
    child: Child,
    /// Kept open: it goes on to say which threads it follows.
    _said: Lines<BufReader<ChildStderr>>,
}

impl Strace {
    async fn of(process: u32, trace: &Path) -> Self {
        let mut child = Command::new("strace")
            .args(["-f", "-yy", "-s", "16384", "-e", "signal=none"])
            .args(["-e", "trace=write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync", "-o"])
            .arg(trace)
            .args(["-p", &process.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("strace cannot be run (Debian: apt-get install strace): {error}"));
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = within("strace", said.next_line()).await.unwrap().unwrap_or_default();
        assert!(line.contains("attached"), "strace cannot follow the server: {line}");
        Self { child, _said: said }
    }
}

#[tokio::test]
async fn the_log_is_forced_to_the_disk_before_anyone_is_told_of_a_message() {
    let options = ServerOptions::new(Setting::default())
        .env("DESKWIRE_GATEWAY__BUYER_SENDS_PER_SECOND", 1_000)
        .env("DESKWIRE_GATEWAY__BUYER_SEND_BURST", 1_000);
    let mut server: Server = options.start().await;
    let names: Vec<String> = (0..16).map(|number| format!("buyer-{number}")).collect();
    let mut buyers = join_all(names.iter().map(|name| server.buyer(name))).await;
    let mut agent = server.agent("bo").await;
    let conversations = join_all(buyers.iter_mut().map(Client::open)).await;
    for here in &conversations {
        agent.attach(here).await;
    }
    let trace = server.data_dir().join("trace");
    let mut strace = Strace::of(server.process_id(), &trace).await;
    // Sixteen talk side by side, so that commits have many in them; the agent is told of all.
    let talking = buyers.iter_mut().zip(&conversations).map(|(buyer, here)| async move {
        let mut said = Vec::new();
        for _ in 0..10 {
            let text = Client::fresh_id();
            let sent = buyer.say(here, &text).await;
            said.push(Acknowledged { text, message_id: sent["message_id"].as_str().unwrap().into() });
        }
        said
    });
    let acknowledged: Vec<Acknowledged> = join_all(talking).await.into_iter().flatten().collect();
    for message in &acknowledged {
        agent.hears(&message.text).await;
    }
    assert_eq!(server.terminate().await.code(), Some(0));
    within("the end of strace", strace.child.wait()).await.unwrap();

    let trace = fs::read_to_string(&trace).unwrap();
    let calls = calls(&trace);
    let mut syncs: Vec<usize> = acknowledged
        .iter()
        .map(|message| forced_before_told(&calls, message).unwrap_or_else(|error| panic!("{error}")))
        .collect();
    syncs.sort_unstable();
    syncs.dedup();
    assert!(syncs.len() < acknowledged.len(), "each had a commit of its own: batches were not seen");
}

#[test]
fn a_trace_in_which_someone_is_told_too_early_is_found_out() {
    let message = Acknowledged { text: "hello".into(), message_id: "7-1".into() };
    let log = "5</data/deskwire.sqlite-wal>";
    let write = format!(r#"11 pwrite64({log}, "..hello..", 4096, 0) = 4096"#);
    let sync = format!("11 fdatasync({log}) = 0");
    let begin = format!("11 fdatasync({log} <unfinished ...>");
    let end = "11 <... fdatasync resumed>) = 0".to_owned();
    let tell =
        r#"12 sendto(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, "..\"message_id\":\"7-1\"..", 90, 0, NULL, 0) = 90"#;
    let tell = tell.to_owned();
    let other = tell.replace("7-1", "7-11");
    for (lines, is_right) in [
        (vec![&write, &sync, &tell], true),
        (vec![&write, &begin, &other, &end, &tell], true),
        (vec![&write, &tell, &sync], false),
        (vec![&write, &begin, &tell, &end], false),
        (vec![&sync, &write, &tell], false),
        (vec![&begin, &write, &end, &tell], false),
        (vec![&write, &sync], false),
        (vec![&sync, &tell], false),
    ] {
        let trace = lines.iter().map(|line| line.as_str()).collect::<Vec<_>>().join("\n");
        let found = forced_before_told(&calls(&trace), &message);
        assert_eq!(found.is_ok(), is_right, "{found:?}\n{trace}");
    }
}
