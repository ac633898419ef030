//! What a bundle is and how to check it, for whoever opens it.

use super::facts::Facts;
use super::ledger::Ledger;
use super::timeline::{moment, question};

/// `README.txt`.
pub(super) fn render(facts: &Facts, ledger: &Ledger) -> Vec<u8> {
    let (about, asked) = (&facts.about, question(facts, ledger));
    let as_of = moment(about.as_of);
    let mut text = TEXT.to_owned();
    for (mark, value) in [("{ZH}", &asked.zh), ("{EN}", &asked.en), ("{AS_OF}", &as_of), ("{BUILD}", &about.build)] {
        text = text.replace(mark, value);
    }
    text.push('\n');
    for stretch in &facts.stretches {
        let head = stretch.head();
        text += &format!("{} {} {}\n", stretch.audience, head.seq, head.link);
    }
    text.into_bytes()
}

const TEXT: &str = "\
旧改日志 · 证据包
{ZH}
截至 {AS_OF}（北京时间），由 {BUILD} 生成

先看 timeline.html（可打印）或 timeline.csv（可用 Excel 打开）。

如何核对
  renolog verify-evidence 本文件.zip
不需要服务器，也不需要网络。任何一个字节不符，都会指出在哪个文件的第几个字节。
再与任何一台设备所持的链值比较：
  renolog verify-evidence 本文件.zip --head open:链值

能证明什么
  1. 每一项修改都由 keys.json 中某台设备的私钥签名，内容未改一字（batches.json、changes/）。
  2. 每条日志的先后、收到时间、经手设备、人员和当时的角色，与链值一致，中间没有增删或调换（entries/）。
  3. 记录（records.json）和时间线确由这些修改得出，无一遗漏或改动。
不能单独证明什么
  1. 整个证据包出自哪一台服务器：包上没有服务器签名。请把链值与多台设备所持的比较；一致，则服务器没有改写过去。
  2. 哪把公钥属于哪个人、叫什么名字、何时任何角色：这是服务器登记的（keys.json、people.json、roles.json）。可在本人设备上核对。
  3. 设备时间：由书写者的设备自己记录。
  4. 不在所问范围之内的内容：其他记录只留下链值所需的散列，没有内容。
已依法删除的记录只留下散列、决定人、时间和原因，没有内容。
附件不在包内，清单（manifest.json）列出其 SHA-256。等待前序内容、尚未判定的修改不在包内。

文件
  manifest.json    所问范围、各条日志的首尾链值、附件，以及每个文件的 SHA-256
  timeline.*       时间线        records.json  期末时的记录
  entries/         各条日志：每条的散列、链值，以及链值所依据的一切
  batches.json     签了什么、签名、设备、代送设备        changes/  修改本身（Automerge 格式），以散列命名
  quarantine.json  未被接受的修改、原因和处理结果
  keys.json        设备、公钥、人员        people.json  姓名        roles.json  任职起止
  schema.toml      当时的规则


Renolog · evidence
{EN}
As of {AS_OF} (UTC+8), made by {BUILD}

Begin with timeline.html (it prints) or timeline.csv (Excel opens it).

How to check it
  renolog verify-evidence THIS_FILE.zip
It needs no server and no network. If a single byte does not hold, it says in which file, and which byte.
Then compare with the head that any device holds:
  renolog verify-evidence THIS_FILE.zip --head open:LINK

What it proves
  1. Each change was signed with the private key of a device in keys.json, and not a letter was altered since (batches.json, changes/).
  2. The order of each feed, and for each entry its receipt, device, person and role then, fit the links: nothing was added,
     taken out or moved in between (entries/).
  3. The records (records.json) and the timeline are what these changes come to, with nothing left out or altered.
What it does not prove alone
  1. Which server made it: no server signs it. Compare the heads with those that several devices hold; where they agree, the
     server has not rewritten its past.
  2. Which key is whose, what they are called and who held which role when: the server says so (keys.json, people.json,
     roles.json). A key can be compared on the person's own device.
  3. The times of devices: each is by the writer's own clock.
  4. What was not asked for: of other records only the hashes are here that the links are made of, and no words.
Of a record that was erased only hashes, who decided, when and why are here, and no words.
Attachments are not in the bundle; manifest.json lists their SHA-256. Changes that still wait for others are not in it.

How the hashes are made
  a change    its name is SHA-256 of its bytes from the ninth on
  a batch     Ed25519 over \"renolog batch 1\\n\" and the CBOR of [device, number, feed, device_time, [[record, change] ...]]
  a link      SHA-256 of \"renolog link 1\\n\" and the CBOR of [link before, seq, hash, [device, person, role, received, skew]];
              before the first entry: of \"renolog chain 1\\n\" and the CBOR of the feed [community, audience]
  an erasure  its hash is SHA-256 of \"renolog erasure 1\\n\" and the CBOR of [record, reason]
  In CBOR ids, hashes and links are byte strings, times whole milliseconds, audiences 0 open, 1 parties, 2 private.

Heads of the feeds (audience, position, link) 链值（范围、位置、链值）
";
