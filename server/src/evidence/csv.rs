//! The timeline as a table that spreadsheets open.

use super::timeline::Line;

const HEADINGS: [&str; 22] = [
    "序号 no.",
    "设备时间 device clock",
    "校正后 corrected",
    "服务器收到 received",
    "时钟差(秒) clock skew (s)",
    "离线(秒) offline (s)",
    "姓名 name",
    "时任角色 role then",
    "代表方 party",
    "记录类型 kind",
    "记录 record",
    "内容 said (zh)",
    "内容 said (en)",
    "标注 marks",
    "可见范围 feed",
    "位置 position",
    "修改 change",
    "批次 batch",
    "人员编号 person",
    "设备编号 device",
    "代送设备 carrier",
    "记录编号 record id",
];

/// UTF-8 with a mark, by which Excel knows it; lines end as RFC 4180 has them.
pub(super) fn render(lines: &[Line<'_>]) -> Vec<u8> {
    let mut out = "\u{feff}".to_owned();
    row(&mut out, HEADINGS.map(str::to_owned));
    for (number, line) in lines.iter().enumerate() {
        let entry = line.entry;
        let words = |of: fn(&renolog_protocol::schema::Label) -> &str| entry.words.iter().map(of).collect::<Vec<_>>().join("\n");
        let optional = |text: Option<String>| text.unwrap_or_default();
        row(
            &mut out,
            [
                (number + 1).to_string(),
                line.written.clone(),
                line.corrected.clone(),
                line.received.clone(),
                (entry.skew.0 / 1000).to_string(),
                (entry.offline.0 / 1000).to_string(),
                plain(&entry.name),
                optional(line.role.as_ref().map(ToString::to_string)),
                line.party.to_string(),
                optional(line.kind.as_ref().map(ToString::to_string)),
                plain(&entry.title),
                plain(&words(|words| &words.zh)),
                plain(&words(|words| &words.en)),
                plain(&line.notes.join("\n")),
                entry.feed.audience.to_string(),
                optional(entry.seq.map(|seq| seq.to_string())),
                entry.change.to_string(),
                entry.batch.to_string(),
                entry.person.to_string(),
                entry.device.to_string(),
                optional(entry.carrier.map(|carrier| carrier.to_string())),
                entry.record.to_string(),
            ],
        );
    }
    out.into_bytes()
}

/// What people wrote, so that no spreadsheet takes it for a formula.
fn plain(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

fn row<const N: usize>(out: &mut String, cells: [String; N]) {
    let quoted =
        cells.map(|cell| if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell });
    out.push_str(&quoted.join(","));
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_hold_whatever_people_write() {
        let mut out = String::new();
        row(&mut out, ["a".to_owned(), "他说“好”, \"ok\"".to_owned(), "1\n2".to_owned()]);
        assert_eq!(out, "a,\"他说“好”, \"\"ok\"\"\",\"1\n2\"\r\n");
        assert_eq!(plain("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(plain("3-2"), "3-2");
    }
}
