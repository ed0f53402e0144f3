"""The simulated APIs, a file a subject: each turns a checked question into KIS's answer."""
