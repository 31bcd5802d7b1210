"""One call of the command: what is asked for, what is done, what is written."""
