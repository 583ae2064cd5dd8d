"""The pure heart: what a session is, how long it lives, who may touch it. No I/O, no clock."""
