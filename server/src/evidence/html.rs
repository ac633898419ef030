//! The timeline as a page: one file, no script, to be read on a screen or printed.

use std::fmt::Write as _;

use renolog_protocol::schema::Label;

use super::facts::Facts;
use super::ledger::Ledger;
use super::timeline::{Line, moment, question};

const STYLE: &str = "\
body{font:14px/1.45 \"Noto Sans CJK SC\",\"Microsoft YaHei\",\"PingFang SC\",sans-serif;margin:2em;color:#111}\
h1{font-size:1.4em;margin:0}h2{font-size:1.1em;margin:1.5em 0 .4em}p{margin:.3em 0}\
table{border-collapse:collapse;width:100%}th,td{border:1px solid #888;padding:.3em .45em;text-align:left;vertical-align:top}\
th{background:#eee}thead{display:table-header-group}tr{break-inside:avoid}\
.en{color:#444}.n{color:#8a3c00}.x{background:#fbecec}.id{font:11px/1.3 monospace;color:#555;overflow-wrap:anywhere}\
@media print{body{margin:0;font-size:10pt}@page{size:A4 landscape;margin:12mm}}";

/// The page.
pub(super) fn render(facts: &Facts, ledger: &Ledger, lines: &[Line<'_>]) -> Vec<u8> {
    let asked = question(facts, ledger);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"zh-CN\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{} · 证据 evidence</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>旧改日志 · 证据时间线 Evidence timeline</h1>\n",
        escaped(&facts.about.community.name)
    );
    both(&mut out, &asked);
    let as_of = moment(facts.about.as_of);
    both(
        &mut out,
        &Label {
            zh: format!(
                "截至 {as_of}（北京时间，下同）。以收到先后排列；设备时间由书写者的设备记录，可能不准；“收到”由服务器记录。"
            ),
            en: format!(
                "As of {as_of} (UTC+8, like all times here). In the order of receipt. Device clocks are the writers' own and may be wrong; receipt is by the server's clock."
            ),
        },
    );
    records(&mut out, ledger);
    table(&mut out, lines);
    heads(&mut out, facts);
    out.push_str("</body>\n</html>\n");
    out.into_bytes()
}

fn both(out: &mut String, words: &Label) {
    let _ = writeln!(out, "<p>{}<br><span class=\"en\">{}</span></p>", escaped(&words.zh), escaped(&words.en));
}

fn headings(out: &mut String, names: &[&str]) {
    let cells: String = names.iter().map(|name| format!("<th>{name}</th>")).collect();
    let _ = writeln!(out, "<table>\n<thead><tr>{cells}</tr></thead>\n<tbody>");
}

fn records(out: &mut String, ledger: &Ledger) {
    let _ = writeln!(out, "<h2>记录 Records</h2>");
    headings(out, &["记录 record", "类型 kind", "状态 state", "待确认的分歧 open conflicts", "编号 id"]);
    for stood in &ledger.records {
        let view = &stood.record;
        let kind = ledger.schema.kinds.get(&view.created.kind);
        let label = kind.map_or_else(|| view.created.kind.to_string(), |kind| kind.label.to_string());
        let state = kind.map_or_else(|| view.state.to_string(), |kind| kind.state_label(&view.state).to_string());
        let voided = if view.voided.is_some() { " · 已作废 struck out" } else { "" };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}{voided}</td><td>{}</td><td class=\"id\">{}</td></tr>",
            escaped(&view.title),
            escaped(&label),
            escaped(&state),
            view.conflicts.len(),
            view.id
        );
    }
    out.push_str("</tbody>\n</table>\n");
}

fn table(out: &mut String, lines: &[Line<'_>]) {
    let _ = writeln!(out, "<h2>时间线 Timeline</h2>");
    headings(
        out,
        &[
            "序号<br>no.",
            "设备时间<br>device clock",
            "服务器收到<br>received",
            "何人 · 时任角色 · 代表方<br>who, role then, party",
            "记录<br>record",
            "内容与标注<br>what was said, and marks",
            "可核对<br>to check",
        ],
    );
    for (number, line) in lines.iter().enumerate() {
        row(out, number + 1, line);
    }
    out.push_str("</tbody>\n</table>\n");
}

fn row(out: &mut String, number: usize, line: &Line<'_>) {
    let entry = line.entry;
    let class = if entry.marks.refused.is_some() { " class=\"x\"" } else { "" };
    let _ = write!(out, "<tr{class}><td>{number}</td><td>{}", line.written);
    if line.corrected != line.written {
        let _ = write!(out, "<br><span class=\"en\">校正 corrected {}</span>", line.corrected);
    }
    let _ = write!(out, "</td><td>{}</td><td>{}", line.received, escaped(&entry.name));
    for words in line.role.iter().chain([&line.party]) {
        let _ = write!(out, "<br>{} <span class=\"en\">{}</span>", escaped(&words.zh), escaped(&words.en));
    }
    let kind = line.kind.as_ref().map(ToString::to_string).unwrap_or_default();
    let _ = write!(out, "</td><td>{}<br><span class=\"en\">{}</span></td><td>", escaped(&entry.title), escaped(&kind));
    for words in &entry.words {
        let en =
            if words.en == words.zh { String::new() } else { format!("<br><span class=\"en\">{}</span>", escaped(&words.en)) };
        let _ = write!(out, "<p>{}{en}</p>", escaped(&words.zh));
    }
    for note in &line.notes {
        let _ = write!(out, "<p class=\"n\">{}</p>", escaped(note));
    }
    let place = entry.seq.map_or_else(|| "隔离区 quarantine".to_owned(), |seq| format!("{} {seq}", entry.feed.audience));
    let _ = writeln!(out, "</td><td class=\"id\">{place}<br>{}</td></tr>", entry.change);
}

fn heads(out: &mut String, facts: &Facts) {
    let _ = writeln!(out, "<h2>链值 Heads of the feeds</h2>");
    both(
        out,
        &Label {
            zh: "把下列链值与任何一台设备所持的比较：一致，则该设备所知的过去与此处相同。".into(),
            en:
                "Compare these with what any device holds: where they agree, the past that the device knew is the one shown here."
                    .into(),
        },
    );
    for stretch in &facts.stretches {
        let head = stretch.head();
        let _ = writeln!(out, "<p class=\"id\">{} {} {}</p>", stretch.audience, head.seq, head.link);
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("<br>"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_text_and_never_markup() {
        assert_eq!(escaped("<script>\"a\" & b</script>\nc"), "&lt;script&gt;&quot;a&quot; &amp; b&lt;/script&gt;<br>c");
    }
}
