//! Two threads hand in hand: one fills, the other takes, and memory stays flat between them; or one
//! works something out while the other goes on.

use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

/// How many may wait to be taken: enough that neither side waits for a hiccup of the other, and
/// few enough that memory stays flat.
const AHEAD: usize = 4;

/// The filling thread's end.
#[derive(Debug)]
pub struct Outlet<T> {
    ready: SyncSender<T>,
    emptied: Receiver<T>,
}

impl<T: Default> Outlet<T> {
    /// Hands over what is filled and puts one to be filled in its place, which may be one that was
    /// used before; false if nobody takes it any more.
    pub fn exchange(&self, filled: &mut T) -> bool {
        let next = self.emptied.try_recv().unwrap_or_default();
        self.ready.send(std::mem::replace(filled, next)).is_ok()
    }
}

/// Runs `fill` on a thread of its own, and `take` on this one for whatever it hands over, in its
/// order. The first error of `take` ends both. `take` leaves what it has taken fit to be
/// filled again.
pub fn relay<T, A, E>(
    fill: impl FnOnce(&Outlet<T>) -> A + Send,
    mut take: impl FnMut(&mut T) -> Result<(), E>,
) -> (A, Result<(), E>)
where
    T: Default + Send,
    A: Send,
{
    let (ready, received) = mpsc::sync_channel(AHEAD);
    let (used, emptied) = mpsc::channel();
    thread::scope(|scope| {
        // It takes its end with it, so that the other sees when there is no more.
        let filling = scope.spawn(move || fill(&Outlet { ready, emptied }));
        let take_all = || {
            // By value: the filling thread sees when nothing more is taken.
            for mut filled in received {
                take(&mut filled)?;
                // The filling thread has gone when all is filled.
                let _ = used.send(filled);
            }
            Ok(())
        };
        let taken = take_all();
        // Its panic is ours.
        (filling.join().unwrap_or_else(|panic| resume_unwind(panic)), taken)
    })
}

/// What is worked out on another thread meanwhile.
#[derive(Debug)]
pub struct Meanwhile<T>(thread::JoinHandle<T>);

impl<T: Send + 'static> Meanwhile<T> {
    /// Begins with it.
    pub fn begin(work: impl FnOnce() -> T + Send + 'static) -> Self {
        Self(thread::spawn(work))
    }

    /// Waits for it.
    pub fn wait(self) -> T {
        // Its panic is ours.
        self.0.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_taken_in_its_order_and_little_is_made() {
        let mut all = Vec::new();
        let (sent, taken) = relay(
            |outlet| {
                let mut numbers: Vec<u32> = Vec::new();
                for number in 0..1000 {
                    assert!(numbers.is_empty());
                    numbers.push(number);
                    assert!(outlet.exchange(&mut numbers));
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
        let (sent, taken) = relay(
            |outlet| (0_u32..1000).take_while(|n| outlet.exchange(&mut n.clone())).count(),
            |number| if *number == 7 { Err(*number) } else { Ok(()) },
        );
        assert_eq!(taken, Err(7));
        assert!((8..=8 + AHEAD + 1).contains(&sent), "{sent}");
    }

    #[test]
    #[should_panic(expected = "in the middle")]
    fn a_panic_of_the_filling_thread_is_ours() {
        let fill = |outlet: &Outlet<u8>| {
            assert!(outlet.exchange(&mut 1));
            assert!(!outlet.exchange(&mut 2), "in the middle");
        };
        let _ = relay(fill, |_| Ok::<(), ()>(()));
    }

    #[test]
    fn what_is_worked_out_meanwhile_is_there_in_the_end() {
        let (sender, received) = mpsc::channel();
        let meanwhile = Meanwhile::begin(move || received.recv());
        sender.send(7).unwrap();
        assert_eq!(meanwhile.wait(), Ok(7));
    }

    #[test]
    #[should_panic(expected = "in the meantime")]
    fn a_panic_meanwhile_is_ours() {
        Meanwhile::begin(|| panic!("in the meantime")).wait();
    }
}
