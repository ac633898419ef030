//! What is written in every system alike: faults in a renovation, found, remarked on, found elsewhere after all.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// One edit of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The record is made.
    Made {
        /// `quality`, `safety` or `progress`.
        item: &'static str,
        /// Where the fault is.
        location: String,
    },
    /// A remark is added.
    Noted(String),
    /// It was somewhere else.
    Located(String),
}

impl Said {
    /// As the peers' programs read it.
    pub fn to_json(&self, record: usize) -> Value {
        match self {
            Self::Made { item, location } => json!({"record": record, "made": {"item": item, "location": location}}),
            Self::Noted(text) => json!({"record": record, "note": text}),
            Self::Located(location) => json!({"record": record, "location": location}),
        }
    }
}

const WHERE: [&str; 8] = ["屋面", "楼道", "地下室", "外墙", "单元门口", "配电箱", "雨水管", "电梯机房"];
const WHAT: [&str; 12] = [
    "渗水，墙皮脱落",
    "堆了两辆电动车，通道走不过去",
    "施工围挡没有固定，风大会倒",
    "防水卷材搭接宽度不够",
    "脚手架少一道扶手",
    "管道接口还在滴水",
    "已通知施工单位明天上午到场",
    "居民反映晚上十点后还在切割",
    "瓷砖空鼓，敲了二十块有五块响",
    "材料合格证没有带到现场",
    "已整改，请复核",
    "复核时发现旁边也有同样问题",
];
const ITEMS: [&str; 3] = ["quality", "safety", "progress"];

/// An endless hand that writes; the same seed, the same words.
#[derive(Debug)]
pub struct Hand(ChaCha8Rng);

impl Hand {
    /// A hand.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u64::from(self.0.next_u32()) * bound as u64) >> 32) as usize
    }

    /// Random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A place.
    pub fn location(&mut self) -> String {
        format!("{}幢{}单元 {}", self.below(28) + 1, self.below(4) + 1, WHERE[self.below(WHERE.len())])
    }

    /// A remark.
    pub fn remark(&mut self) -> Said {
        let floor = self.below(18) + 1;
        Said::Noted(format!("{floor}楼 {}", WHAT[self.below(WHAT.len())]))
    }

    /// The first edit of a record.
    pub fn made(&mut self) -> Said {
        Said::Made { item: ITEMS[self.below(ITEMS.len())], location: self.location() }
    }

    /// The edits of one record: it is made, and then mostly remarked on. Each says something new.
    pub fn record(&mut self, edits: usize) -> Vec<Said> {
        let mut place = String::new();
        let mut said = Vec::with_capacity(edits);
        for number in 0..edits {
            said.push(match self.below(8) {
                _ if number == 0 => self.made(),
                0 => self.elsewhere(&place),
                _ => self.remark(),
            });
            if let Some(Said::Made { location, .. } | Said::Located(location)) = said.last() {
                place.clone_from(location);
            }
        }
        said
    }

    fn elsewhere(&mut self, than: &str) -> Said {
        loop {
            let location = self.location();
            if location != than {
                return Said::Located(location);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_writes_the_same_and_never_says_nothing() {
        let mut hand = Hand::new(7);
        let records: Vec<Vec<Said>> = (0..2_000).map(|_| hand.record(10)).collect();
        let mut again = Hand::new(7);
        assert_eq!(records, (0..2_000).map(|_| again.record(10)).collect::<Vec<_>>());
        for record in &records {
            let places = record.iter().filter_map(|said| match said {
                Said::Made { location, .. } | Said::Located(location) => Some(location),
                Said::Noted(_) => None,
            });
            let places: Vec<&String> = places.collect();
            assert!(places.windows(2).all(|pair| pair[0] != pair[1]), "{places:?}");
        }
    }
}
