//! What a row of the table found.

/// Whether a target was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was.
    Met,
    /// It was not.
    NotMet,
    /// There is none: the figure stands beside others.
    Beside,
    /// It could not be measured; the note says why.
    NotMeasured,
}

impl Verdict {
    /// Met, if so.
    pub fn met(so: bool) -> Self {
        if so { Self::Met } else { Self::NotMet }
    }

    /// As the table says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "**not met**",
            Self::Beside => "",
            Self::NotMeasured => "not measured",
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What was measured, and of which system.
    pub what: String,
    /// What came out, in words.
    pub figure: String,
    /// What it was to be.
    pub target: String,
    /// Whether it is.
    pub verdict: Verdict,
    /// What is to be known of it.
    pub note: String,
}

impl Finding {
    /// A figure with a target.
    pub fn judged(what: impl Into<String>, figure: impl Into<String>, target: impl Into<String>, met: bool) -> Self {
        let (what, figure, target) = (what.into(), figure.into(), target.into());
        Self { what, figure, target, verdict: Verdict::met(met), note: String::new() }
    }

    /// A figure that stands beside others.
    pub fn beside(what: impl Into<String>, figure: impl Into<String>) -> Self {
        let (what, figure) = (what.into(), figure.into());
        Self { what, figure, target: String::new(), verdict: Verdict::Beside, note: String::new() }
    }

    /// What could not be measured, and why.
    pub fn missing(what: impl Into<String>, why: impl Into<String>) -> Self {
        let (what, note) = (what.into(), why.into());
        Self { what, figure: "–".into(), target: String::new(), verdict: Verdict::NotMeasured, note }
    }

    /// The same with a remark.
    pub fn noting(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }
}
