"""Orders: what is asked for, what is checked before anything is sent, and the sending."""
