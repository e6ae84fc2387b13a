//! Two threads in a pipeline: one fills batches, the other takes them, with bounded memory between
//! them. And background tasks whose result is needed later.

use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

/// How many batches may be waiting: enough that a short delay on one side does not stop the other,
/// and few enough that memory stays flat.
const AHEAD: usize = 4;

/// The filling thread's side.
#[derive(Debug)]
pub struct BatchSender<T> {
    ready: SyncSender<T>,
    emptied: Receiver<T>,
}

impl<T: Default> BatchSender<T> {
    /// Sends the filled batch and replaces it with an empty one, which may be a reused one. False if
    /// the receiver has stopped.
    pub fn exchange(&self, filled: &mut T) -> bool {
        let next = self.emptied.try_recv().unwrap_or_default();
        self.ready.send(std::mem::replace(filled, next)).is_ok()
    }
}

/// Runs `fill` on a new thread, and `take` on this one for each batch, in order. The first error of
/// `take` ends both. `take` must leave the batch empty, because it is reused.
pub fn run_pipeline<T, A, E>(
    fill: impl FnOnce(&BatchSender<T>) -> A + Send,
    mut take: impl FnMut(&mut T) -> Result<(), E>,
) -> (A, Result<(), E>)
where
    T: Default + Send,
    A: Send,
{
    let (ready, received) = mpsc::sync_channel(AHEAD);
    let (used, emptied) = mpsc::channel();
    thread::scope(|scope| {
        // The thread drops its side at its end, which ends the receiving loop.
        let filling = scope.spawn(move || fill(&BatchSender { ready, emptied }));
        let take_all = || {
            // By value: the filling thread sees when the receiver stops.
            for mut filled in received {
                take(&mut filled)?;
                // The filling thread may have ended already.
                let _ = used.send(filled);
            }
            Ok(())
        };
        let taken = take_all();
        // A panic of the thread is passed on.
        (filling.join().unwrap_or_else(|panic| resume_unwind(panic)), taken)
    })
}

/// A task on another thread.
#[derive(Debug)]
pub struct BackgroundTask<T>(thread::JoinHandle<T>);

impl<T: Send + 'static> BackgroundTask<T> {
    /// Starts the task.
    pub fn spawn(work: impl FnOnce() -> T + Send + 'static) -> Self {
        Self(thread::spawn(work))
    }

    /// Waits for its result.
    pub fn wait(self) -> T {
        // A panic of the thread is passed on.
        self.0.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_arrive_in_order_and_few_are_allocated() {
        let mut all = Vec::new();
        let (sent, taken) = run_pipeline(
            |sender| {
                let mut numbers: Vec<u32> = Vec::new();
                for number in 0..1000 {
                    assert!(numbers.is_empty());
                    numbers.push(number);
                    assert!(sender.exchange(&mut numbers));
                }
                1000
            },
            |numbers| {
                all.append(numbers);
                Ok::<(), ()>(())
            },
        );
        assert_eq!((sent, taken), (1000, Ok(())));
        assert_eq!(all, (0..1000).collect::<Vec<u32>>());
    }

    #[test]
    fn an_error_ends_the_filling() {
        let (sent, taken) = run_pipeline(
            |sender| (0_u32..1000).take_while(|n| sender.exchange(&mut n.clone())).count(),
            |number| if *number == 7 { Err(*number) } else { Ok(()) },
        );
        assert_eq!(taken, Err(7));
        assert!((8..=8 + AHEAD + 1).contains(&sent), "{sent}");
    }

    #[test]
    #[should_panic(expected = "in the middle")]
    fn a_panic_of_the_filling_thread_is_passed_on() {
        let fill = |sender: &BatchSender<u8>| {
            assert!(sender.exchange(&mut 1));
            assert!(!sender.exchange(&mut 2), "in the middle");
        };
        let _ = run_pipeline(fill, |_| Ok::<(), ()>(()));
    }

    #[test]
    fn a_background_task_returns_its_result() {
        let (sender, received) = mpsc::channel();
        let task = BackgroundTask::spawn(move || received.recv());
        sender.send(7).unwrap();
        assert_eq!(task.wait(), Ok(7));
    }

    #[test]
    #[should_panic(expected = "in the meantime")]
    fn a_panic_of_a_background_task_is_passed_on() {
        BackgroundTask::spawn(|| panic!("in the meantime")).wait();
    }
}
