//! The desk at the terminal: `renolog admin` on a data directory, with and without a server that runs on it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A data directory, and the program to use on it.
struct Desk {
    directory: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn run(&self, words: &[&str]) -> Output {
        let program = Command::new(env!("CARGO_BIN_EXE_renolog")).args(words).env("RENOLOG_DATA", self.data()).output();
        program.expect("the program runs")
    }

    /// What it prints when all is well.
    fn says(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{words:?}: {out}{err}");
        out.trim_end().to_owned()
    }

    fn admin(&self, words: &[&str]) -> String {
        self.says(&[&["admin"], words].concat())
    }

    /// What it says when it does not do it.
    fn refuses(&self, words: &[&str]) -> String {
        let output = self.run(&[&["admin"], words].concat());
        assert!(!output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

/// A server on it, until it is dropped.
struct Serving(Child);

impl Serving {
    fn on(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_renolog"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("RENOLOG_DATA", data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.rsplit_once("://").map(|(_, address)| address.trim().to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        // It answers only once it has said where it is.
        let mut stream = TcpStream::connect(address.expect("it says where it listens")).expect("it listens");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it reads");
        stream.read_to_end(&mut Vec::new()).expect("it answers");
        Self(child)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn line_with(text: &str, part: &str) -> String {
    text.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part} is not in\n{text}")).to_owned()
}

#[test]
fn people_come_and_go_with_and_without_a_running_server() {
    let desk = Desk::new();
    desk.says(&["community", "add", "desheng", "--name", "德胜新村"]);
    let organisation = desk.admin(&["organisation", "add", "天水物业"]);
    desk.admin(&["organisation", "rename", "天水物业", "天水物业服务有限公司"]);
    assert!(desk.admin(&["organisation", "list"]).contains(&format!("{organisation}  天水物业服务有限公司")));
    let zhao = desk.admin(&["person", "add", "赵经理", "--organisation", "天水物业服务有限公司"]);
    let until = ["--from", "2026-01-01", "--until", "2099-12-31"];
    desk.admin(&[&["role", "give", "赵经理", "--role", "property_manager", "--community", "德胜新村"], &until[..]].concat());
    let held = line_with(&desk.admin(&["role", "list", "--community", "desheng"]), "赵经理");
    assert!(held.contains("2026-01-01 00:00") && held.contains("2100-01-01 00:00") && held.contains("物业"), "{held}");

    let serving = Serving::on(&desk.data());
    desk.admin(&["person", "suspend", "赵经理", "--reason", "合同到期"]);
    assert!(line_with(&desk.admin(&["person", "list"]), &zhao).contains("已暂停"));
    desk.admin(&["person", "readmit", &zhao, "--reason", "续签"]);
    desk.admin(&["person", "change", "赵经理", "--name", "赵建国"]);
    let known = line_with(&desk.admin(&["person", "list"]), &zhao);
    assert!(known.contains("赵建国") && known.contains("天水物业服务有限公司") && !known.contains("已暂停"), "{known}");
    desk.admin(&["administrator", "make", "赵建国"]);
    assert!(line_with(&desk.admin(&["person", "list"]), &zhao).contains("系统管理员"));
    desk.admin(&["administrator", "unmake", "赵建国"]);
    desk.admin(&["role", "end", "desheng", "1"]);
    assert!(!desk.admin(&["role", "list"]).contains("赵建国"));
    assert!(desk.admin(&["role", "list", "--all"]).contains("赵建国"));
    drop(serving);

    let audit = desk.admin(&["audit"]);
    for (what, part) in
        [("role_given", &*zhao), ("person_suspended", "合同到期"), ("person_readmitted", "续签"), ("role_ended", "")]
    {
        assert!(line_with(&audit, what).contains(part), "{audit}");
    }
    assert_eq!(desk.admin(&["audit", "--limit", "1"]).lines().count(), 2, "the heading and the latest");
}

#[test]
fn what_opens_doors_is_listed_and_taken_back() {
    let desk = Desk::new();
    desk.says(&["community", "add", "desheng", "--name", "德胜新村"]);
    let person = desk.admin(&["person", "add", "李工"]);
    let _serving = Serving::on(&desk.data());
    let code = desk.admin(&["invite", "make", "--name", "陈阿姨", "--role", "captain", "--community", "desheng"]);
    desk.admin(&["invite", "make", "--person", "李工"]);
    let invites = desk.admin(&["invite", "list"]);
    assert!(!invites.contains(&code) && invites.contains("李工"), "{invites}");
    let chen = line_with(&invites, "陈阿姨");
    desk.admin(&["invite", "withdraw", chen.split_whitespace().next().expect("a name")]);
    assert!(!desk.admin(&["invite", "list", "--all"]).contains("陈阿姨"), "it is gone");

    let token = desk.admin(&["token", "make", "--label", "看板"]);
    let tokens = desk.admin(&["token", "list"]);
    assert!(!tokens.contains(&token), "{tokens}");
    desk.admin(&["token", "end", line_with(&tokens, "看板").split_whitespace().next().expect("a name")]);
    assert!(!desk.admin(&["token", "list"]).contains("看板"));
    assert_eq!(desk.admin(&["device", "list"]).lines().count(), 1, "only the heading");
    assert_eq!(desk.admin(&["device", "list", "--person", &person]).lines().count(), 1);
}

#[test]
fn what_cannot_be_done_is_said_in_words() {
    let desk = Desk::new();
    assert!(desk.refuses(&["person", "list"]).contains("is not a renolog data directory"));
    desk.admin(&["person", "add", "王芳"]);
    desk.admin(&["person", "add", "王芳"]);
    let nowhere = "018bcfe5-6800-7707-8707-070707070707";
    for (words, told) in [
        (&["person", "suspend", "王芳", "--reason", "离职"][..], "2 people are called"),
        (&["person", "suspend", "李芳", "--reason", "离职"], "nobody is called"),
        (&["person", "suspend", nowhere, "--reason", "离职"], "there is no person"),
        (&["person", "add", "张三", "--organisation", "无此单位"], "there is no organisation"),
        (&["person", "add", " "], "1 to 120 characters"),
        (&["person", "change", "王芳"], "--organisation"),
        (&["role", "give", nowhere, "--role", "captain", "--community", "x", "--from", "明天"], "2026-12-01"),
        (&["role", "give", nowhere, "--role", "captain", "--community", "x"], "there is no community"),
        (&["role", "end", "desheng", "1"], "there is no community"),
        (&["role", "list", "--community", "desheng"], "there is no community"),
        (&["invite", "make"], "--person"),
        (&["invite", "make", "--name", "陈阿姨"], "say as what, and where"),
        (&["invite", "make", "--name", "陈阿姨", "--role", "captain"], "--community"),
        (&["invite", "withdraw", "abc"], "there is none that begins with"),
        (&["token", "make", "--days", "1000"], "1 to 366 days"),
        (&["device", "revoke", nowhere, "--reason", "丢失"], "there is no device"),
        (&["erase", nowhere, "--reason", "依法"], "there is no record"),
    ] {
        let said = desk.refuses(words);
        assert!(said.contains(told), "{words:?}: {said}");
    }
}
