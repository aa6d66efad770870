"""The gate out: what a tick is about to send is examined before delivery can see it."""
