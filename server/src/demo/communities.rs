//! The five communities of 拱墅 (Gongshu), with the figures that the district published. What was not published stays
//! unknown here: it is not 0.

/// A community as published.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) slug: &'static str,
    pub(super) name: &'static str,
    pub(super) street: Option<&'static str>,
    pub(super) area_m2: i64,
    pub(super) built: Option<i64>,
    pub(super) households: Option<i64>,
    pub(super) residents: Option<i64>,
    pub(super) buildings: u32,
    pub(super) awards: &'static [(&'static str, i64)],
}

pub(super) const COMMUNITIES: [Published; 5] = [
    Published {
        slug: "desheng",
        name: "德胜新村",
        street: Some("大关街道"),
        area_m2: 225_000,
        built: None,
        households: None,
        residents: Some(9_945),
        buildings: 105,
        awards: &[("全市老旧小区综合改造提升工作最佳案例", 2020), ("浙江省老旧小区改造示范项目", 2021)],
    },
    Published {
        slug: "liushui",
        name: "流水北苑",
        street: Some("文晖街道"),
        area_m2: 44_800,
        built: None,
        households: None,
        residents: None,
        buildings: 9,
        awards: &[("杭州老旧小区综合改造提升工作最佳案例", 2019)],
    },
    Published {
        slug: "yeqing",
        name: "叶青苑",
        street: None,
        area_m2: 19_000,
        built: Some(1999),
        households: Some(211),
        residents: None,
        buildings: 4,
        awards: &[("杭州老旧小区改造工作典型案例", 2019)],
    },
    Published {
        slug: "gongyuan",
        name: "贡院小区",
        street: Some("长庆街道"),
        area_m2: 31_000,
        built: None,
        households: None,
        residents: None,
        buildings: 11,
        awards: &[("“旧改看‘浙’里”城镇老旧小区改造实践典型案例", 2021)],
    },
    Published {
        slug: "qinfeng",
        name: "勤丰小区",
        street: None,
        area_m2: 28_000,
        built: None,
        households: Some(474),
        residents: None,
        buildings: 10,
        awards: &[("“旧改看‘浙’里”城镇老旧小区改造实践典型案例", 2021)],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_add_up_to_the_published_totals() {
        assert_eq!(COMMUNITIES.iter().map(|c| c.buildings).sum::<u32>(), 139);
        assert_eq!(COMMUNITIES.iter().map(|c| c.area_m2).sum::<i64>(), 347_800);
        assert_eq!(COMMUNITIES.iter().filter_map(|c| c.households).sum::<i64>(), 685);
        assert_eq!(COMMUNITIES.iter().filter(|c| c.households.is_none()).count(), 3);
    }
}
