"""What the gate out holds back, and what a person decides about it."""
