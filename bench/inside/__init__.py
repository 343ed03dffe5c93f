"""What runs within the portal's own settings, in a process that the measuring one talks to."""
