"""Child processes of ours that answer questions over their standard streams: `asking` is the parent's side of it,
`answering` the child's.

They are no pool of the standard library: those outlive a parent that is killed, holding its pipes, and start by
importing the whole command line.
"""
