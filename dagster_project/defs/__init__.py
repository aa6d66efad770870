"""One file for each part of the tick; what they define is found by itself."""
