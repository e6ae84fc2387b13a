//! `queue`: operates a queue.

use super::queue_connection::QueueConnection;
use crate::cli::queue_admin::{
    DeadCommand, ListArgs, OperatorArgs, QueueCommand, QueueStatusArgs, SelectArgs,
};
use crate::clock::{SystemClock, WallClock as _};
use crate::exit::{Exit, Failure};
use crate::queue::admin::{QueueAdmin, Requeued};
use crate::queue::connection::ConnectionError;
use crate::queue::entry::Entry;
use crate::report::{print, queue_status};

/// Runs a subcommand of `queue`.
pub async fn command(command: &QueueCommand) -> Result<Exit, Failure> {
    match command {
        QueueCommand::Status(args) => status(args).await,
        QueueCommand::Peek(args) => {
            let entries = open(&args.operator, "")?.peek(args.limit as usize).await;
            list(&entries.map_err(|error| failure(&error))?, args, "the stream has no entries")
        }
        QueueCommand::Dead { command: DeadCommand::List(args) } => {
            let letters = open(&args.operator, "")?.dead_letters(args.limit as usize).await;
            list(&letters.map_err(|error| failure(&error))?, args, "there are no dead letters")
        }
        QueueCommand::Dead { command: DeadCommand::Requeue(args) } => requeue(args).await,
        QueueCommand::Dead { command: DeadCommand::Drop(args) } => drop_letters(args).await,
        QueueCommand::Pause(args) => pause(args).await,
        QueueCommand::Resume(args) => resume(args).await,
    }
}

fn open(args: &OperatorArgs, group: &str) -> Result<QueueAdmin, Failure> {
    let QueueConnection { address, connection } =
        QueueConnection::open(&args.queue, args.ca_file.as_deref())?;
    Ok(QueueAdmin::new(&address.stream, group, connection))
}

fn failure(error: &ConnectionError) -> Failure {
    let exit = match error {
        ConnectionError::Denied(_) => Exit::Credentials,
        _ => Exit::Configuration,
    };
    Failure::new(exit, error.to_string())
}

async fn status(args: &QueueStatusArgs) -> Result<Exit, Failure> {
    let admin = open(&args.operator, &args.group)?;
    let status = admin.status().await.map_err(|error| failure(&error))?;
    let now = SystemClock.now();
    if args.json {
        print::json(&queue_status::status_json(&status, now))?;
    } else {
        print::text(&queue_status::status_text(&status, now))?;
    }
    Ok(Exit::Done)
}

fn list(entries: &[Entry], args: &ListArgs, none: &str) -> Result<Exit, Failure> {
    let now = SystemClock.now();
    if args.json {
        for entry in entries {
            print::line(&queue_status::entry_json(entry, now).to_string())?;
        }
    } else if entries.is_empty() {
        print::line(none)?;
    } else {
        print::text(&queue_status::entries_text(entries, now))?;
    }
    Ok(Exit::Done)
}

/// The ids that a command names, or all.
async fn selected(admin: &QueueAdmin, args: &SelectArgs) -> Result<Vec<String>, Failure> {
    if args.all {
        return admin.dead_letter_ids().await.map_err(|error| failure(&error));
    }
    Ok(args.ids.clone())
}

/// Requeues dead letters. Ends with 1 if one of them could not be.
async fn requeue(args: &SelectArgs) -> Result<Exit, Failure> {
    let admin = open(&args.operator, "")?;
    let mut exit = Exit::Done;
    let mut requeued = 0;
    for id in selected(&admin, args).await? {
        let reason = match admin.requeue(&id).await.map_err(|error| failure(&error))? {
            Requeued::Yes => {
                requeued += 1;
                continue;
            }
            Requeued::NotFound => "there is no dead letter with this id",
            Requeued::IsUnit => {
                "it is a request of a job; to send it again, feed the job's outcome back: run \
                 OUTCOME --only failed,unknown,unprocessed"
            }
            Requeued::Truncated => "it is too long to be requeued; add the row again",
        };
        print::line(&format!("{}: not requeued: {reason}", crate::input::shown(&id)))?;
        exit = Exit::Otherwise;
    }
    print::line(&format!("requeued: {requeued}"))?;
    Ok(exit)
}

/// Deletes dead letters. Ends with 1 if one of them does not exist.
async fn drop_letters(args: &SelectArgs) -> Result<Exit, Failure> {
    let admin = open(&args.operator, "")?;
    let mut exit = Exit::Done;
    let mut dropped = 0;
    for id in selected(&admin, args).await? {
        if admin.drop_dead_letter(&id).await.map_err(|error| failure(&error))? {
            dropped += 1;
        } else {
            print::line(&format!(
                "{}: not dropped: there is no dead letter with this id",
                crate::input::shown(&id)
            ))?;
            exit = Exit::Otherwise;
        }
    }
    print::line(&format!("dropped: {dropped}"))?;
    Ok(exit)
}

async fn pause(args: &OperatorArgs) -> Result<Exit, Failure> {
    let before = open(args, "")?.pause(SystemClock.now()).await;
    match before.map_err(|error| failure(&error))? {
        Some(since) => print::line(&format!("the queue is paused already, since {since}"))?,
        None => print::line(
            "the queue is paused: within two seconds workers send no further requests\n\
             to continue: bastion-revoke queue resume",
        )?,
    }
    Ok(Exit::Done)
}

async fn resume(args: &OperatorArgs) -> Result<Exit, Failure> {
    let was_paused = open(args, "")?.resume().await.map_err(|error| failure(&error))?;
    print::line(if was_paused { "the queue is resumed" } else { "the queue was not paused" })?;
    Ok(Exit::Done)
}
