//! CPU time of the calling thread, and medians of it.

use std::time::{Duration, Instant};

/// CPU time that this thread has used.
#[cfg(target_os = "linux")]
fn thread_time() -> Option<Duration> {
    #[repr(C)]
    struct Timespec {
        seconds: std::ffi::c_long,
        nanoseconds: std::ffi::c_long,
    }
    unsafe extern "C" {
        fn clock_gettime(clock: std::ffi::c_int, time: *mut Timespec) -> std::ffi::c_int;
    }
    const CLOCK_THREAD_CPUTIME_ID: std::ffi::c_int = 3;
    let mut t = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: the C library that std itself links; `t` is a valid timespec of this platform.
    let status = unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut t) };
    (status == 0).then(|| Duration::new(t.seconds as u64, t.nanoseconds as u32))
}

#[cfg(not(target_os = "linux"))]
fn thread_time() -> Option<Duration> {
    None
}

/// Time used since `begin`: of this thread on the CPU, or by the wall where the system does not tell.
pub struct Stopwatch {
    cpu: Option<Duration>,
    wall: Instant,
}

impl Stopwatch {
    pub fn begin() -> Stopwatch {
        Stopwatch { cpu: thread_time(), wall: Instant::now() }
    }

    pub fn seconds(&self) -> f64 {
        match (self.cpu, thread_time()) {
            (Some(begun), Some(now)) => (now - begun).as_secs_f64(),
            _ => self.wall.elapsed().as_secs_f64(),
        }
    }
}

/// Samples that a median is taken of.
const SAMPLES: usize = 15;
/// Shortest sample, in seconds.
const SAMPLE: f64 = 0.02;

/// Median seconds of one call of `run`, over samples of about 20 ms or one call each, whichever is longer.
pub fn median_seconds(mut run: impl FnMut()) -> f64 {
    let mut calls = 1_u32;
    let mut sample = |calls: u32| {
        let watch = Stopwatch::begin();
        (0..calls).for_each(|_| run());
        watch.seconds()
    };
    sample(1); // buffers grow on the first call
    let mut once = sample(calls);
    while once < SAMPLE {
        calls = if once > SAMPLE / 100.0 {
            (f64::from(calls) * 1.2 * SAMPLE / once).ceil() as u32
        } else {
            4 * calls
        };
        once = sample(calls);
    }
    let mut all: Vec<f64> = (0..SAMPLES).map(|_| sample(calls) / f64::from(calls)).collect();
    all.sort_by(f64::total_cmp);
    all[SAMPLES / 2]
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn waiting_costs_no_time_and_working_does() {
        let watch = Stopwatch::begin();
        std::thread::sleep(Duration::from_millis(50));
        assert!(watch.seconds() < 0.02);
        let begun = Instant::now();
        while watch.seconds() < 0.02 {
            std::hint::spin_loop();
            assert!(begun.elapsed() < Duration::from_secs(60), "20 ms of work never passed");
        }
    }
}
