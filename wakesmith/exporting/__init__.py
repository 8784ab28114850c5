"""`wakesmith export`: model, front-end and detector as a library for other build systems."""
