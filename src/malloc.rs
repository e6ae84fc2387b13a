//! Memory that is needed no more.

/// Gives a vector's memory back to the system. A large piece that is freed as it is makes glibc
/// keep the next ones of its size for itself, and a run goes on for hours with holes between them; a
/// small rest of a piece does not.
pub(crate) fn give_back<T>(mut vector: Vec<T>) {
    vector.truncate(1);
    vector.shrink_to_fit();
}
