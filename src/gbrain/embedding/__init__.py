"""What makes vectors of texts: a model on this machine, or an endpoint over HTTP.

Its modules import numpy and an HTTP client: import them where they are used, not with the program. `answers` alone
imports neither.
"""
