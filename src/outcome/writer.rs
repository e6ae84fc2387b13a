//! The last step of an outcome: rows get their verdicts, and their bytes go to the disk.

use super::Tally;
use super::result_columns::Endings;
use super::rows::Block;
use std::fs::File;
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

/// How much is written at once.
const WRITTEN_BYTES: usize = 1 << 18;

/// How much is written until the disk is asked to take it.
const SYNCED_BYTES: usize = 1 << 23;

/// The ends of so many rows are looked up at once.
const LOOKED_UP_ROWS: usize = 256;

/// An outcome that is being written.
pub(super) struct Writing<'a> {
    file: &'a File,
    endings: Endings<'a>,
    tally: Tally,
    /// Rows so far.
    rows: usize,
    /// Bytes that are yet to be written.
    waiting: Vec<u8>,
    unsynced: usize,
    sync: SyncSender<()>,
}

/// Writes an outcome that begins with these bytes by `write`, and the rest that it leaves waiting.
///
/// What was written goes to the disk while more is written, by a thread of its own, so that the
/// last sync has little left to wait for. Its errors are told here, for the operating system
/// tells each of them but once.
pub(super) fn writing<'a, A>(
    file: &'a File,
    begin: Vec<u8>,
    endings: Endings<'a>,
    write: impl FnOnce(&mut Writing<'a>) -> (A, io::Result<()>),
) -> (A, io::Result<Tally>) {
    let (sync, asked) = mpsc::sync_channel(1);
    thread::scope(|scope| {
        let syncing = scope.spawn(move || asked.into_iter().try_for_each(|()| file.sync_data()));
        let (tally, rows, unsynced) = (Tally::default(), 0, 0);
        let mut writing = Writing { file, endings, tally, rows, waiting: begin, unsynced, sync };
        let (came_of_it, taken) = write(&mut writing);
        let written = taken.and_then(|()| writing.flush());
        let Writing { tally, sync, .. } = writing;
        drop(sync);
        let synced = syncing.join().unwrap_or_else(|panic| resume_unwind(panic));
        (came_of_it, written.and(synced).and_then(|()| file.sync_all()).map(|()| tally))
    })
}

impl Writing<'_> {
    /// Ends the rows of a block, writes them and empties it.
    pub(super) fn take(&mut self, block: &mut Block) -> io::Result<()> {
        let mut start = 0;
        for rows in block.rows.chunks(LOOKED_UP_ROWS) {
            let these = self.rows..self.rows + rows.len();
            self.endings.look_up(these, rows.iter().filter_map(|row| row.asks))?;
            let mut looked_up = 0;
            for row in rows {
                self.waiting.extend_from_slice(&block.text[start..row.end]);
                start = row.end;
                if row.asks.is_some() {
                    let Self { endings, waiting, tally, .. } = self;
                    endings.write(waiting, self.rows, looked_up, tally);
                    looked_up += 1;
                }
                crate::failpoint::hit("outcome-row");
                self.rows += 1;
                if self.waiting.len() >= WRITTEN_BYTES {
                    self.flush()?;
                }
            }
        }
        block.clear();
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.waiting)?;
        self.unsynced += self.waiting.len();
        self.waiting.clear();
        // If the disk is still at it, it is asked the next time.
        if self.unsynced >= SYNCED_BYTES && self.sync.try_send(()).is_ok() {
            self.unsynced = 0;
        }
        Ok(())
    }
}
