"""What is asked of an archive and how its answers are read, whatever the transport (PS3.4 C, PS3.18)."""
