"""What the words of an answer mean, where the code that has them does not say it in a sentence."""

from __future__ import annotations

EXITS = {
    0: "done, nothing needs attention",
    1: "ran, and something needs attention",
    2: "usage: an unknown flag, a bad value, flags that do not go together",
    3: "refused for want of a confirmation (`--yes`)",
    4: "no such source or page",
    5: "busy: another process holds the lease of the one source asked for",
    6: "could not run: database or home not usable, disk full, schema newer than the program",
    130: "interrupted; what was committed stays",
    143: "terminated; what was committed stays",
}

ERRORS = {
    "usage": ("2", "The words are not understood, or do not go together."),
    "confirmation_needed": ("3", "It would destroy something, and `--yes` was not given."),
    "not_found": ("4", "There is no such source or page."),
    "could_not_run": ("6", "Nothing could be done at all; the message says why."),
    "database": ("6", "The database does not answer, refuses, or broke off."),
    "home": ("6", "The home folder, or a file in it, cannot be made, read or trusted."),
    "disk_full": ("6", "There is no room."),
    "schema_too_new": ("6", "A newer gbrain has migrated the brain."),
    "embedder": ("6", "What makes vectors cannot be used: not configured, not reached, or its key is missing."),
    "address": ("6", "The address to serve on cannot be had: it is in use, or none of this host."),
    "platform": ("6", "This operating system or Python cannot run a brain."),
    "internal": ("6", "A defect of gbrain; `-v` shows the traceback."),
    "interrupted": ("130", "It was interrupted. What was committed stays."),
    "terminated": ("143", "It was told to end. What was committed stays."),
}
"""By code: the exit code, and the sentence."""

STATUSES = {
    "ok": "Its rows are those of its repository, as far as was to be seen.",
    "partial": "What was had before is kept, or part of what is new is in; the code says why not all.",
    "refused": "Nothing was changed: the plan would drop too much.",
    "error": "It could not be synced; the code says why.",
    "busy": "Another process is syncing it.",
    "skipped": "It was left alone for what it is.",
}

SYNC_STATUSES = {
    "first_sync": "All of it is in for the first time.",
    "synced": "What has changed is in.",
    "up_to_date": "There was nothing new.",
    "dry_run": "Nothing was changed; this is what would be.",
}

PHASES = {
    "fetch": "The remote, or the folder, is looked at for news.",
    "plan": "What differs between the tree and the rows is found out.",
    "write": "Batches are read, derived and committed.",
    "finish": "The last batch and the bookmark are committed.",
    "embed": "Embeddings are filled in.",
    "verify": "Everything is derived again and compared.",
}

STALENESS = {
    "fresh": "Under 24 hours.",
    "stale": "From 24 hours on, under 72.",
    "severe": "From 72 hours on.",
    "unknown": "It was never synced.",
}

HEALTHS = {
    "ok": "Nobody need look at it.",
    "attention": "It is stale, has open failures, lacks vectors nobody is at work on, or its last attempt was partial.",
    "failing": "It is severely stale, or its last attempt was an error or refused.",
    "unknown": "It was never synced.",
}

HEALTH_REASONS = {
    "never_synced": "No sync of it was ever completed.",
    "stale": "Its `staleness_class` is `stale`.",
    "severely_stale": "Its `staleness_class` is `severe`.",
    "open_failures": "Files could not be taken in, and nobody has acknowledged that.",
    "embeddings_pending": "Some of its chunks have no vector of the active model, and nobody is at work on that.",
    "interrupted": "The last run was cut off; the next goes on from what it committed.",
    "error": "The last attempt ended as an error without a code.",
    "partial": "The last attempt was partial without a code.",
}

MODEL_STATES = {
    "active": "Search uses it, and what comes in gets its vectors.",
    "filling": "It is being filled, and takes the active one's place when nothing lacks its vector.",
    "retired": "Its vectors are kept until it is dropped, and it gets no new ones.",
}

FINDINGS = {
    "page_missing": "The tree has a file that has no page, and no reason why not.",
    "page_differs": "A page's row is not what its file gives.",
    "page_orphaned": "A page has no file in the tree, or one that cannot be a page.",
    "ledger_differs": "A reason why a path has no page is not the one that its file gives.",
    "ledger_orphaned": "There is a reason for a path that is not in the tree, or has a page.",
    "chunks_differ": "A page's chunks are not those that its file gives.",
    "links_differ": "A page's links are not those that its file gives.",
    "text_damaged": "A text is not the one that its hash was taken of.",
    "lexemes_differ": "A part of the index of words is not as it was written, or a page is in none.",
    "text_orphaned": "A text stands on no page.",
    "count_differs": "A count that status shows is not that of the rows.",
    "pending_differs": "The count of chunks without a vector of a model is not that of the rows.",
    "backlog_missing": "A chunk has no vector of a model, and is not in the list of what gets one.",
}

NOTES = {
    "no_sources": "There are no sources yet: nothing can be found.",
    "no_model": "There is no embedding model: pages are found by their words alone.",
    "vectors_incomplete": "Some texts have no vector yet: they are found by their words alone.",
    "no_vector": "What was asked could not be embedded, or the nearest not be found: pages are found by words alone.",
    "no_words": "Nothing of what was asked can be looked up by words.",
    "index_outdated": "Some sources were indexed by another version: what was not synced since is not found.",
}
