//! The desk at the terminal: `renolog admin` on a data directory, with and without a server that runs on it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};

use renolog_client_core::{Device, DeviceError, Invitation};
use renolog_server::data_dir;

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

/// A server on it, until it is dropped, and what it prints.
struct Serving {
    child: Child,
    lines: Receiver<String>,
}

impl Serving {
    fn on(data: &Path) -> Self {
        Self::with(data, &[])
    }

    fn with(data: &Path, words: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_renolog"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(words)
            .env("RENOLOG_DATA", data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut printed = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let address = printed.find_map(|line| line.rsplit_once("://").map(|(_, address)| address.trim().to_owned()));
        let (send, lines) = channel();
        std::thread::spawn(move || printed.for_each(|line| drop(send.send(line))));
        // It answers only once it has said where it is.
        let mut stream = TcpStream::connect(address.expect("it says where it listens")).expect("it listens");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it reads");
        stream.read_to_end(&mut Vec::new()).expect("it answers");
        Self { child, lines }
    }

    /// Ends it; all that it had printed and was not read yet.
    fn end(mut self) -> Vec<String> {
        self.child.kill().expect("it may be killed");
        self.child.wait().expect("it is gone");
        self.lines.iter().collect()
    }

    /// The code that it prints for the first administrator.
    fn first_code(&self) -> String {
        let code = |line: &String| line.strip_prefix("  ").filter(|line| line.len() == 19).map(str::to_owned);
        self.lines.iter().find_map(|line| code(&line)).expect("it prints a code")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
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
    let made = desk.admin(&["invite", "make", "--name", "陈阿姨", "--role", "captain", "--community", "desheng"]);
    let code = made.lines().next().expect("a code");
    desk.admin(&["invite", "make", "--person", "李工"]);
    let invites = desk.admin(&["invite", "list"]);
    assert!(!invites.contains(code) && invites.contains("李工"), "{invites}");
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

/// Enrols a new device with whatever a person was given; their name.
fn enrol(store: &Path, link_or_server: &str, code: Option<&str>) -> Result<String, DeviceError> {
    let Invitation { server, code } = Invitation::given(link_or_server, code).expect("an invitation");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let device = Device::open(store).expect("a store");
        device.enrol(&server, &code, "手机").await.map(|enrolment| enrolment.name)
    })
}

#[test]
fn whoever_brings_the_code_that_the_server_prints_is_the_first_administrator() {
    let desk = Desk::new();
    let store = |name: &str| desk.directory.path().join(name);
    let first = Serving::on(&desk.data());
    let stale = first.first_code();
    first.end();

    let serving = Serving::on(&desk.data());
    let server = data_dir::running(&desk.data()).and_then(|running| running.public_url).map(String::from).expect("it runs");
    let code = serving.first_code();
    assert_ne!(code, stale, "a fresh one each time");
    let refused = enrol(&store("late"), &server, Some(&stale)).expect_err("it was withdrawn");
    assert!(refused.to_string().contains("邀请码无效"), "{refused}");
    let name = enrol(&store("first"), &server, Some(&code)).expect("a good code");
    assert!(line_with(&desk.admin(&["person", "list"]), &name).contains("系统管理员"));
    serving.end();

    let lines = Serving::on(&desk.data()).end();
    assert!(lines.is_empty(), "it has an administrator: {lines:?}");
}

#[test]
fn nobody_is_asked_twice_to_be_the_first_administrator() {
    let desk = Desk::new();
    desk.admin(&["invite", "make", "--name", "孙科长", "--administrator"]);
    let lines = Serving::on(&desk.data()).end();
    assert!(lines.is_empty(), "somebody was invited to be one: {lines:?}");
}

#[test]
fn an_invitation_is_a_link_and_a_picture_that_any_device_takes() {
    let desk = Desk::new();
    let (svg, png) = (desk.directory.path().join("chen.svg"), desk.directory.path().join("chen.png"));
    desk.says(&["community", "add", "desheng", "--name", "德胜新村"]);
    let asked = ["invite", "make", "--name", "陈阿姨", "--role", "captain", "--community", "desheng"];
    let with_picture = |file: &str| desk.run(&[&["admin"], &asked[..], &["--qr", file]].concat());
    let (svg_name, png_name) = (svg.to_str().expect("a path"), png.to_str().expect("a path"));
    let refused = |file| String::from_utf8(with_picture(file).stderr).expect("words");
    let told = |file| String::from_utf8(with_picture(file).stdout).expect("words");
    assert_eq!(desk.admin(&asked).lines().count(), 1, "no server has said where it is: the code alone");
    assert!(refused(svg_name).contains("--public-url"));
    assert!(refused("chen.jpg").contains(".svg or .png"));

    let serving = Serving::on(&desk.data());
    let made = told(svg_name);
    let link = made.lines().nth(1).expect("a link");
    assert!(made.lines().nth(5).is_some_and(|line| line.contains('█')), "{made}");
    assert_eq!(enrol(&desk.directory.path().join("chen"), link, None).expect("a good link"), "陈阿姨");
    assert!(std::fs::read_to_string(&svg).expect("it was written").contains("<svg"));
    serving.end();

    let _serving = Serving::with(&desk.data(), &["--public-url", "https://log.example.cn/"]);
    let made = told(png_name);
    assert!(made.lines().nth(1).is_some_and(|link| link.starts_with("https://log.example.cn/enrol#")), "{made}");
    assert!(std::fs::read(&png).expect("it was written").starts_with(b"\x89PNG"));

    let running = data_dir::running(&desk.data()).expect("it runs");
    let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
    let request = agent.post(format!("http://{}/api/v1/admin/invites", running.address));
    let request = request.header("Authorization", format!("Bearer {}", running.token));
    let asked = serde_json::json!({"name": "刘叔", "role": "captain", "communities": ["desheng"], "hours": 1});
    let made: serde_json::Value = request.send_json(asked).expect("it is made").body_mut().read_json().expect("JSON");
    let (code, link) = (made["code"].as_str().expect("a code"), made["link"].as_str().expect("a link"));
    assert_eq!(link, format!("https://log.example.cn/enrol#{code}"));
    assert!(made["qr_svg"].as_str().expect("a picture").contains("<svg"));
}

#[test]
fn a_roster_is_looked_at_then_brought_and_never_twice() {
    let desk = Desk::new();
    desk.says(&["community", "add", "desheng", "--name", "德胜新村"]);
    let write = |name: &str, text: &str| {
        let path = desk.directory.path().join(name);
        std::fs::write(&path, encoding_rs::GB18030.encode(text).0).expect("a file");
        path.to_str().expect("a path").to_owned()
    };
    let rows = "姓名,小区,角色,单位,手机\n赵建国,德胜新村,物业,天水物业,13900000000\n王芳,德胜新村,居民,,\n";
    let roster = write("roster.csv", &format!("{rows}陈阿姨,景芳,居民,,\n"));
    let looked = desk.admin(&["import", &roster, "--dry-run"]);
    assert!(line_with(&looked, "第 4 行").contains("德胜新村"), "it says which communities there are: {looked}");
    assert!(line_with(&looked, "赵建国").contains("property_manager") && line_with(&looked, "手机").contains("not stored"));
    assert!(desk.refuses(&["import", &roster]).contains("--skip-problems"));
    assert!(!desk.admin(&["person", "list"]).contains("王芳"), "nothing was written");

    let codes = desk.directory.path().join("codes.csv");
    let with_codes = ["--invites", codes.to_str().expect("a path"), "--public-url", "https://log.example.cn"];
    desk.admin(&[&["import", &roster, "--skip-problems"], &with_codes[..]].concat());
    let written = std::fs::read_to_string(&codes).expect("it was written");
    assert!(line_with(&written, "王芳").contains(",https://log.example.cn/enrol#"), "{written}");
    assert!(desk.refuses(&[&["import", &roster, "--skip-problems"], &with_codes[..]].concat()).contains("cannot make"));

    let _serving = Serving::on(&desk.data());
    let more = write("more.csv", &format!("{rows}刘叔,德胜新村,志愿者,,\n"));
    assert!(desk.admin(&["import", &more]).contains("people 1,"), "the rest is there already");
    let people = desk.admin(&["person", "list"]);
    assert_eq!(["赵建国", "王芳", "刘叔"].map(|name| people.matches(name).count()), [1, 1, 1], "{people}");
    assert!(!people.contains("13900000000"));
    let broken = write("broken.xlsx", "PK\u{3}\u{4}");
    assert!(desk.refuses(&["import", &broken]).contains("damaged"));
    assert!(desk.refuses(&["import", "nowhere.xlsx"]).contains("cannot read"));
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
