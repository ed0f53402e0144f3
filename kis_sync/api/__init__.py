"""Typed calls: a file a subject, each with the question, the model and the reading of the answer."""
