//! Threads that wait for tasks: they spin for a moment, then sleep.
//!
//! A job is a number of tasks, claimed one by one by whoever is free, the caller included. The caller
//! returns when every task is done; a thread that wakes too late finds nothing left to claim and
//! touches nothing. Which thread runs a task never matters to its result.

use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// `(task, thread)`
type Job<'a> = dyn Fn(usize, usize) + Sync + 'a;

/// Before a thread sleeps. Starting a sleeping one takes tens of microseconds.
const SPIN: Duration = Duration::from_micros(50);

const TASK_BITS: u32 = 20;
const TASK_MASK: u64 = (1 << TASK_BITS) - 1;

struct State {
    /// Job number, number of tasks, next task to claim.
    claim: AtomicU64,
    done: AtomicUsize,
    job: AtomicPtr<&'static Job<'static>>,
    sleepers: Mutex<bool>,
    wake: Condvar,
}

pub struct Pool {
    state: Arc<State>,
    threads: Vec<JoinHandle<()>>,
}

fn parts(claim: u64) -> (u64, usize, usize) {
    (claim >> (2 * TASK_BITS), (claim >> TASK_BITS & TASK_MASK) as usize, (claim & TASK_MASK) as usize)
}

impl State {
    /// Claims and runs tasks of the present job until none is left.
    fn work(&self, thread: usize) {
        loop {
            let seen = self.claim.load(Ordering::Acquire);
            let (_, total, next) = parts(seen);
            if next >= total {
                return;
            }
            if self.claim.compare_exchange_weak(seen, seen + 1, Ordering::AcqRel, Ordering::Relaxed).is_err()
            {
                continue;
            }
            // SAFETY: the job outlives its claimed tasks: its caller waits until they are done.
            let job = unsafe { &**self.job.load(Ordering::Acquire) };
            job(next, thread);
            self.done.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Waits for a job after `last`; false when the pool closes.
    fn wait(&self, last: u64) -> bool {
        let start = Instant::now();
        let fresh = || parts(self.claim.load(Ordering::Acquire)).0 != last;
        while start.elapsed() < SPIN {
            for _ in 0..64 {
                if fresh() {
                    return true;
                }
                std::hint::spin_loop();
            }
        }
        let mut closed = self.sleepers.lock().unwrap_or_else(|e| e.into_inner());
        while !*closed && !fresh() {
            closed = self.wake.wait(closed).unwrap_or_else(|e| e.into_inner());
        }
        !*closed
    }
}

impl Pool {
    /// `threads` in all, the caller included.
    pub fn new(threads: usize) -> Pool {
        let state = Arc::new(State {
            claim: AtomicU64::new(0),
            done: AtomicUsize::new(0),
            job: AtomicPtr::new(std::ptr::null_mut()),
            sleepers: Mutex::new(false),
            wake: Condvar::new(),
        });
        let threads = (1..threads)
            .map(|thread| {
                let state = state.clone();
                std::thread::spawn(move || {
                    let mut last = 0;
                    while state.wait(last) {
                        last = parts(state.claim.load(Ordering::Acquire)).0;
                        state.work(thread);
                    }
                })
            })
            .collect();
        Pool { state, threads }
    }

    /// Runs `job(task, thread)` for all tasks and returns when all are done.
    pub fn run(&self, tasks: usize, job: &Job<'_>) {
        assert!((tasks as u64) < TASK_MASK, "too many tasks");
        let state = &*self.state;
        // SAFETY: only the lifetime changes; nobody uses the job after this function returns.
        let job: &'static Job<'static> = unsafe { std::mem::transmute(job) };
        let mut slot = job;
        state.done.store(0, Ordering::Relaxed);
        state.job.store(&mut slot, Ordering::Release);
        let number = (parts(state.claim.load(Ordering::Relaxed)).0 + 1) & ((1 << 24) - 1);
        {
            // Held so that a thread about to sleep cannot miss the job.
            let _asleep = state.sleepers.lock().unwrap_or_else(|e| e.into_inner());
            state.claim.store(number << (2 * TASK_BITS) | (tasks as u64) << TASK_BITS, Ordering::Release);
        }
        state.wake.notify_all();
        state.work(0);
        let mut spins = 0u32;
        while state.done.load(Ordering::Acquire) < tasks {
            spins += 1;
            if spins.is_multiple_of(1 << 12) {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        *self.state.sleepers.lock().unwrap_or_else(|e| e.into_inner()) = true;
        self.state.wake.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has told so already.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once_whoever_runs_it() {
        let pool = Pool::new(3);
        for tasks in [1, 2, 7, 100, 0] {
            for _ in 0..200 {
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                pool.run(tasks, &|task, thread| {
                    assert!(thread < 3);
                    counts[task].fetch_add(1, Ordering::Relaxed);
                });
                assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
            }
        }
    }
}
