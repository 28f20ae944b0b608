//! What a fit shows while it runs, and how Ctrl-C reaches it.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use vi_engine::{Observer, Progress, Stage};

use crate::journal::Journal;
use crate::outcome;

static CANCELLED: AtomicBool = AtomicBool::new(false);
/// A folder that is being written, which an interrupt may end at once.
static WRITING: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Whether Ctrl-C was pressed.
pub fn cancelled() -> &'static AtomicBool {
    &CANCELLED
}

/// The first Ctrl-C asks a fit to end, which then writes what there is; a second one, and one that comes when the
/// fit is over, ends the process at once.
fn handle_ctrl_c() {
    let handler = || {
        let again = CANCELLED.swap(true, Ordering::Relaxed);
        // Held to the end, so that the fit neither goes on after its folder is removed nor complains that it is gone.
        let folder = writing();
        if let Some(folder) = &*folder {
            let _ = std::fs::remove_dir_all(folder);
            outcome::tell(
                "interrupted while the answers were written: the fit is kept, the same command goes on",
            );
        }
        if again || folder.is_some() {
            std::process::exit(i32::from(outcome::INTERRUPTED));
        }
    };
    // Without a handler Ctrl-C still ends the process; the fit itself is not affected.
    let _ = ctrlc::set_handler(handler);
}

fn writing() -> MutexGuard<'static, Option<PathBuf>> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While `write` fills `folder`, an interrupt ends the process and removes the folder.
pub fn interruptible<T>(folder: &Path, write: impl FnOnce() -> T) -> T {
    *writing() = Some(folder.to_path_buf());
    let done = write();
    *writing() = None;
    done
}

/// Counts what is done on a terminal's standard error; silent elsewhere.
pub struct Count {
    bar: ProgressBar,
}

impl Count {
    /// Installs the handler of Ctrl-C.
    pub fn new(quiet: bool, what: &str, of: u64, done: u64) -> Count {
        handle_ctrl_c();
        let bar = if quiet || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            let style = ProgressStyle::with_template("{prefix:>8} {bar:30} {pos} of {len} {eta}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(of).with_style(style)
        };
        bar.set_prefix(what.to_string());
        bar.set_position(done);
        bar.reset_eta();
        bar.enable_steady_tick(Duration::from_millis(200));
        Count { bar }
    }

    pub fn step(&self) {
        self.bar.inc(1);
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Draws a line on a terminal's standard error, and keeps a journal. Silent elsewhere.
pub struct Watch {
    bar: ProgressBar,
    journal: Journal,
}

impl Watch {
    /// Installs the handler of Ctrl-C.
    pub fn new(quiet: bool, journal: Journal) -> Watch {
        handle_ctrl_c();
        let bar = if quiet || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            let style = ProgressStyle::with_template("{prefix:>8} {bar:30} {percent:>3}% {msg} {eta}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(1000).with_style(style)
        };
        bar.enable_steady_tick(Duration::from_millis(200));
        Watch { bar, journal }
    }

    pub fn finish(self) -> Journal {
        self.bar.finish_and_clear();
        self.journal
    }
}

impl Observer for Watch {
    fn progress(&mut self, p: &Progress) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_prefix(match p.stage {
            Stage::Start => "start",
            Stage::Refine => "refine",
            Stage::Check => "check",
            Stage::Polish => "polish",
            Stage::Sample => "sample",
        });
        self.bar.set_position((p.fraction.clamp(0.0, 1.0) * 1000.0) as u64);
        if let Some(row) = &p.row {
            self.bar.set_message(format!("step {} elbo {:.3} ({:.3})", row.step, row.elbo, row.elbo_mcse));
        }
    }

    fn cancelled(&self) -> bool {
        CANCELLED.load(Ordering::Relaxed)
    }

    fn recall(&mut self) -> Option<Vec<u8>> {
        let cancelled = self.cancelled();
        self.journal.recall(cancelled)
    }

    fn keep(&mut self, is_end: bool, bytes: &mut dyn FnMut() -> Vec<u8>) {
        let cancelled = self.cancelled();
        self.journal.keep(is_end, cancelled, bytes);
    }
}
