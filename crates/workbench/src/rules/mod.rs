//! What may happen to the things of a shop, and what it changes: pure, given what the store has loaded.
