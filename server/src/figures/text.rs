//! The figures on a terminal, in short: the plan and the sums a line each, the kinds of record and their parties in a table.

use std::collections::HashMap;

use renolog_protocol::schema::{Kind, Label, Schema};

use super::{Amount, Figure, Unit};
use crate::columns::table;

const HEAD: [&str; 7] = ["", "全部 all", "未办结 open", "已办结 done", "超期 overdue", "首次办理 first step", "办结 until done"];
const LEGEND: &str = "用时为中位数，括号内为尚未完成的件数  times are medians; in brackets: still running\n\
                      · 各方：待其办理的、其中超期的，由其办理的用时  a party: what waits for it, and how long it took itself\n";

/// Figures of the district or of a part of it, as [`all`](super::all) gives them.
pub fn render(schema: &Schema, figures: &[Figure]) -> String {
    let lines: Vec<Vec<String>> = figures.iter().filter(|figure| has_a_line(figure)).map(line).collect();
    let by_name = figures.iter().map(|figure| (figure.name.as_str(), figure)).collect();
    let kinds: Vec<Vec<String>> = schema.kinds.values().flat_map(|kind| of_kind(schema, kind, &by_name)).collect();
    let mut text = table(&lines);
    if !kinds.is_empty() {
        let head = HEAD.map(str::to_owned).to_vec();
        text = format!("{text}\n{}{LEGEND}", table(&[vec![head], kinds].concat()));
    }
    text
}

/// What is not in the table of kinds; of the steps, those where a community is.
fn has_a_line(figure: &Figure) -> bool {
    let name = figure.name.as_str();
    let of_kind = name.starts_with("records.") || (name.starts_with("overdue.") && !name.starts_with("overdue.party."));
    let nobody_there = name.starts_with("communities.step.") && figure.value == Some(Amount::Whole(0));
    !of_kind && !nobody_there
}

fn line(figure: &Figure) -> Vec<String> {
    let unit = match figure.unit {
        Unit::SquareMetres => " m²",
        Unit::Yuan => " 元 yuan",
        _ => "",
    };
    let value = figure.value.as_ref().map(|value| format!("{}{unit}", value.words(figure.unit)));
    let unknown = (figure.unknown > 0).then(|| format!("未知 unknown: {}", figure.unknown));
    vec![figure.label.to_string(), value.unwrap_or_else(|| "–".into()), unknown.unwrap_or_default()]
}

/// A row for a kind that there are records of, and one for each party that has something to do with it.
fn of_kind(schema: &Schema, kind: &Kind, figures: &HashMap<&str, &Figure>) -> Vec<Vec<String>> {
    let (records, overdue) = (format!("records.{}", kind.name), format!("overdue.{}", kind.name));
    let cell = |name: String| figures.get(name.as_str()).map(|figure| short(figure)).unwrap_or_default();
    let spans = |of: &str| ["response", "closing"].map(|span| cell(format!("{records}.{span}.median{of}")));
    let row = |label: &Label, mark: &str, counts: [String; 4], spans: [String; 2]| {
        std::iter::once(format!("{mark}{label}")).chain(counts).chain(spans).collect::<Vec<String>>()
    };
    let all = cell(records.clone());
    if all.is_empty() || all == NONE {
        return Vec::new();
    }
    let counts = [all, cell(format!("{records}.open")), cell(format!("{records}.done")), cell(overdue.clone())];
    let mut rows = vec![row(&kind.label, "", counts, spans(""))];
    for (party, label) in &schema.parties {
        let (waiting, late) = (cell(format!("{records}.waiting.{party}")), cell(format!("{overdue}.{party}")));
        let spans = spans(&format!(".{party}"));
        if [&waiting, &late, &spans[0], &spans[1]].into_iter().any(|cell| !cell.is_empty() && cell != NONE) {
            rows.push(row(label, "· ", [String::new(), waiting, String::new(), late], spans));
        }
    }
    rows
}

const NONE: &str = "0";

fn short(figure: &Figure) -> String {
    let value = figure.value.as_ref().map_or_else(|| "–".into(), |value| value.words(figure.unit));
    if figure.unknown > 0 { format!("{value} ({})", figure.unknown) } else { value }
}

#[cfg(test)]
mod tests {
    use renolog_protocol::calendar::Calendar;
    use renolog_protocol::time::SpanMs;

    use super::super::{District, Known, Scope, all};
    use super::*;
    use crate::testing::{District as Desk, HOUR};

    #[test]
    fn kinds_and_their_parties_in_a_table() {
        let mut desk = Desk::new();
        let community = desk.community("desheng");
        let [committee, street] = ["residents_committee", "street"].map(|role| desk.member(&[community], role));
        let values = [("need", "污水管返水".into()), ("urgency", "urgent".into())];
        let [heard, _unheard] = [(); 2].map(|()| desk.make(&committee, community, "whistle", &values, Vec::new()));
        desk.now = desk.now + HOUR;
        desk.go(&street, heard, "dispatch");
        desk.now = desk.now + SpanMs(2 * HOUR.0);
        let (schema, district, calendar) = (Schema::built_in(), District::built_in(), Calendar::built_in());
        let known = Known { schema: &schema, district: &district, calendar: &calendar, now: desk.now };
        let text = render(&schema, &all(desk.ingest.store(), &Scope::Everything, known).expect("memory"));
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = text.lines().map(words).collect();
        for line in [
            "计划改造小区 communities planned 1",
            "楼幢 buildings – 未知 unknown: 1",
            "超期·待部门办理 overdue, waiting for the departments 1",
            "小区吹哨 whistle 2 2 0 1 1h 0min (1) – (2)",
            "· 部门 departments 1 1 – (1)",
            "· 街道 street 1 0 1h 0min (1) – (1)",
        ] {
            assert!(lines.iter().any(|said| said == line), "{line} in\n{text}");
        }
        assert!(!text.contains("整改单"), "there are none");
    }
}
