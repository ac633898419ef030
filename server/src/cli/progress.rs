//! A bar on the terminal for whatever takes longer than a second.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What does not take this long is done before anyone wonders.
const SHORT: Duration = Duration::from_secs(1);

/// See the module. Goes to the error output, and only if that is a terminal.
pub(super) struct Progress {
    bar: ProgressBar,
    began: Instant,
    shown: bool,
}

impl Progress {
    /// Of something called so.
    pub(super) fn of(what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}").expect("a good template");
        bar.set_style(style);
        bar.set_message(what);
        Self { bar, began: Instant::now(), shown: false }
    }

    /// So much is done of so much.
    pub(super) fn at(&mut self, done: u64, all: u64) {
        if !self.shown && self.began.elapsed() > SHORT {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.shown = true;
        }
        self.bar.set_length(all);
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
