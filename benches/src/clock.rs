//! CPU time of the calling thread, as a measurement of criterion.

use std::time::{Duration, Instant};

use criterion::Throughput;
use criterion::measurement::{Measurement, ValueFormatter};

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
        // The CPU's time last, for its reading is what is subtracted.
        let wall = Instant::now();
        Stopwatch { cpu: thread_time(), wall }
    }

    pub fn elapsed(&self) -> Duration {
        match (self.cpu, thread_time()) {
            (Some(begun), Some(now)) => now - begun,
            _ => self.wall.elapsed(),
        }
    }
}

/// What a bench counts by [`Throughput::Elements`]; its `thrpt` lines are time a unit, not units a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A Monte-Carlo draw, in microseconds.
    Draw,
    /// An element of a slice, in nanoseconds.
    Element,
}

/// CPU time of this thread, in nanoseconds; by the wall where the system does not tell.
#[derive(Clone, Copy, Debug)]
pub struct CpuTime(pub Unit);

impl Measurement for CpuTime {
    type Intermediate = Stopwatch;
    type Value = Duration;

    fn start(&self) -> Stopwatch {
        Stopwatch::begin()
    }

    fn end(&self, watch: Stopwatch) -> Duration {
        watch.elapsed()
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, time: &Duration) -> f64 {
        time.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

fn scale(values: &mut [f64], by: f64) {
    values.iter_mut().for_each(|v| *v *= by);
}

impl ValueFormatter for CpuTime {
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        let (by, unit) = match typical {
            ns if ns < 1e3 => (1.0, "ns"),
            ns if ns < 1e6 => (1e-3, "us"),
            ns if ns < 1e9 => (1e-6, "ms"),
            _ => (1e-9, "s"),
        };
        scale(values, by);
        unit
    }

    /// Always in the one unit, so that lines and tables can be compared at a glance.
    fn scale_throughputs(&self, _: f64, throughput: &Throughput, values: &mut [f64]) -> &'static str {
        let (Throughput::Elements(count)
        | Throughput::ElementsAndBytes { elements: count, .. }
        | Throughput::Bytes(count)
        | Throughput::BytesDecimal(count)
        | Throughput::Bits(count)) = *throughput;
        let (by, unit) = match self.0 {
            Unit::Draw => (1e-3, "us/draw"),
            Unit::Element => (1.0, "ns/element"),
        };
        scale(values, by / count as f64);
        unit
    }

    fn scale_for_machines(&self, _: &mut [f64]) -> &'static str {
        "ns"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn waiting_costs_no_time_and_working_does() {
        let watch = Stopwatch::begin();
        std::thread::sleep(Duration::from_millis(50));
        assert!(watch.elapsed() < Duration::from_millis(20));
        let begun = Instant::now();
        while watch.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
            assert!(begun.elapsed() < Duration::from_secs(60), "20 ms of work never passed");
        }
    }

    #[test]
    fn throughput_is_time_a_unit() {
        let draws = Throughput::Elements(8);
        assert_eq!(CpuTime(Unit::Draw).format_throughput(&draws, 24_000.0), "3.0000 us/draw");
        assert_eq!(
            CpuTime(Unit::Element).format_throughput(&Throughput::Elements(1024), 512.0),
            "0.5000 ns/element"
        );
        assert_eq!(CpuTime(Unit::Draw).format_value(24_000.0), "24.000 us");
    }
}
