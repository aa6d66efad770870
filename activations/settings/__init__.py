"""What is written in files and in the environment: who we are, and whom we may reach."""
