"""Who we are to others, and who others are to us: tokens, signatures, seals."""
