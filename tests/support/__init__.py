"""What tests lean on: real servers, real programs, a clock of their own."""
