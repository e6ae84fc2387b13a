//! Signals: the first asks a run to drain, the second to stop at once.

use crate::engine::Control;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Turns the first Ctrl-C, SIGTERM or SIGHUP into a request to drain, the second into one to stop
/// at once. A signal that the parent process ignores (`nohup`) stays ignored.
pub fn listen() -> watch::Receiver<Control> {
    let (control_sender, control_receiver) = watch::channel(Control::Run);
    let ignored = ignored();
    let (signal_sender, mut signal_receiver) = tokio::sync::mpsc::channel::<()>(2);
    for kind in [Signal::INT, Signal::TERM, Signal::HUP] {
        if is_in(ignored, kind) {
            continue;
        }
        let Ok(mut signals) = signal(SignalKind::from_raw(kind.as_raw())) else { continue };
        let signal_sender = signal_sender.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                // More than two change nothing.
                let _ = signal_sender.try_send(());
            }
        });
    }
    tokio::spawn(async move {
        for control in [Control::Drain, Control::Abort] {
            if signal_receiver.recv().await.is_none() {
                return;
            }
            let _ = control_sender.send(control);
        }
        signal_receiver.recv().await;
    });
    control_receiver
}

/// From now on a write beyond the file size limit (`ulimit -f`) returns an error and does not kill
/// this process. Needs a tokio runtime.
pub fn survive_file_limit() {
    // The handler stays installed after the listener is dropped.
    let _ = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()));
}

/// The signals that this process ignores, as a bit mask from Linux.
fn ignored() -> u64 {
    std::fs::read_to_string("/proc/self/status").map_or(0, |status| ignored_of(&status))
}

fn ignored_of(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn is_in(mask: u64, signal: Signal) -> bool {
    mask >> (signal.as_raw() - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_ignored_by_nohup_are_detected() {
        let mask = ignored_of("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\tffff\n");
        assert!(is_in(mask, Signal::HUP) && is_in(mask, Signal::PIPE));
        assert!(!is_in(mask, Signal::INT) && !is_in(mask, Signal::TERM));
        assert_eq!(ignored_of("nothing of the kind"), 0);
    }
}
