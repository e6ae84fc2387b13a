//! The `bastion-revoke` command.

fn main() {}
