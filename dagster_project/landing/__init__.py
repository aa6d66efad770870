"""The way in: files are landed, judged against the contract, and taken into the warehouse."""
