//! The Bastionhost API: build a request, sign it, send it, decode and judge the answer.

pub mod sign;
