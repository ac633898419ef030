//! The counts of the owners' votes on a terminal.

use std::fmt::Write as _;

use renolog_protocol::schema::{Label, Schema};
use renolog_protocol::tally::{Count, Outcome, Tally};

use super::{Counted, count};
use crate::figures::Scope;
use crate::store::{Column, CommunityRow, Read, RecordRow, StoreError};

/// So many units are named of those on which a result hangs.
const NAMED: usize = 8;

/// Every motion within a scope with its count, in the order in which they were made; nothing if there is none.
///
/// # Errors
/// [`StoreError`].
pub fn render<S: Read + ?Sized>(store: &S, scope: &Scope, schema: &Schema) -> Result<String, StoreError> {
    let Some(kind) = schema.kinds.get("motion") else { return Ok(String::new()) };
    let mut text = String::new();
    for fact in scope.facts(store, kind)? {
        let row: RecordRow = store.get(&[fact.id.to_cell()])?.ok_or(StoreError::Damaged("records"))?;
        let community: Option<CommunityRow> = store.get(&[fact.feed.community.to_cell()])?;
        let Some(counted) = count(store, schema, &row)? else { continue };
        let community = community.map_or_else(String::new, |community| community.name);
        let _ = writeln!(text, "{community} · {} · {}", row.title, kind.state_label(&row.state));
        text += &one(&counted);
    }
    Ok(text)
}

fn one(counted: &Counted) -> String {
    let Some(tally) = &counted.tally else {
        return format!("  选票 ballots: {}；总户数或总面积未知 the whole is not known\n", counted.ballots);
    };
    let heads = side("按户 by head", &tally.heads, |heads| heads.to_string());
    let area = side("按面积 by area", &tally.area_cm2, |cm2| format!("{} m²", square_metres(cm2)));
    format!("{heads}{area}  {}\n", outcome(tally))
}

fn side(name: &str, count: &Count, amount: impl Fn(u64) -> String) -> String {
    let of = |part, whole, needed| format!("{}/{}（需 needed {}）", amount(part), amount(whole), amount(needed));
    let taking_part = of(count.taking_part, count.all, count.quorum);
    let agreeing = of(count.agreeing, count.taking_part, count.needed);
    format!("  {name}: 参与 taking part {taking_part}，同意 agreeing {agreeing}\n")
}

fn outcome(tally: &Tally) -> String {
    let (zh, en) = match tally.outcome {
        Outcome::Passed => ("通过", "passed"),
        Outcome::Failed => ("未通过", "failed"),
        Outcome::Open => ("未定", "not decided yet"),
    };
    let label = Label { zh: zh.into(), en: en.into() };
    let mut text = match tally.set_aside.len() {
        0 => label.to_string(),
        units => format!("{label}；{units} 户的票有矛盾或争议，未计入 units set aside: {units}"),
    };
    if !tally.hangs_on.is_empty() {
        let units = tally.hangs_on.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if tally.hangs_on.len() > NAMED { " …" } else { "" };
        let _ = write!(text, "；取决于 it hangs on: {units}{more}");
    }
    text
}

/// Exactly, without needless zeros: 895 300 cm² are 89.53 m².
fn square_metres(cm2: u64) -> String {
    let exact = format!("{}.{:04}", cm2 / 10_000, cm2 % 10_000);
    exact.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use renolog_protocol::id::RecordId;
    use renolog_protocol::schema::StateName;
    use renolog_protocol::tally::{Ballot, Choice, Question, tally};
    use renolog_protocol::time::UnixMs;

    use super::*;

    #[test]
    fn what_took_part_what_agreed_and_what_was_needed() {
        let votes = Schema::built_in().votes.clone();
        let (quorum, needed) = (votes.quorum, votes.classes["major"]);
        let question = Question { quorum, needed, units: 3, area_cm2: 2_685_900, closed: true };
        let ballot = |unit: &str, choice| Ballot { unit: unit.into(), owner: None, area_cm2: 895_300, choice, disputed: false };
        let mut ballots = vec![ballot("1-101", Choice::Agree), ballot("1-102", Choice::Agree)];
        let text = |tally: Option<Tally>| {
            let motion = RecordId::from_parts(UnixMs(0), [0; 10]);
            let state = StateName::parse("counting").expect("a state");
            let (class, closed, conflicts) = (None, true, 0);
            let hangs_on = Vec::new();
            one(&Counted { motion, state, class, units: None, area_cm2: None, closed, ballots: 2, conflicts, tally, hangs_on })
        };
        let said = text(Some(tally(&question, &ballots)));
        assert!(said.contains("按户 by head: 参与 taking part 2/3（需 needed 2），同意 agreeing 2/2（需 needed 2）"), "{said}");
        assert!(said.contains("taking part 179.06 m²/268.59 m²（需 needed 179.06 m²）"), "{said}");
        assert!(said.ends_with("  通过 passed\n"), "{said}");
        ballots.push(ballot("1-102", Choice::Disagree));
        let said = text(Some(tally(&question, &ballots)));
        assert!(said.contains("未定 not decided yet；1 户") && said.contains("hangs on: 1-102\n"), "{said}");
        assert!(text(None).contains("the whole is not known"));
    }

    #[test]
    fn areas_are_exact() {
        for (cm2, words) in [(0, "0"), (895_300, "89.53"), (190_000_000, "19000"), (10_001, "1.0001")] {
            assert_eq!(square_metres(cm2), words);
        }
    }
}
