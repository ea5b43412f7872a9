"""What the codes mean that agents meet, and what is to be done."""

from __future__ import annotations

_LATER = "Try again in a while; whoever runs the brain sees the reason on its standard error."

TOOL_ERRORS = {
    "invalid_arguments": (
        "An argument is missing, not known, or not what may stand there; or two do not go together.",
        "Call again with what `hint` says.",
    ),
    "bad_cursor": (
        "The cursor was made up, or is that of another tool or of other arguments.",
        "Give the `next_cursor` of an answer to the same arguments, or leave `cursor` out to begin anew.",
    ),
    "not_found": (
        "There is no such source or page, or none that this token may see.",
        "`list_sources`, `list_pages` and `search` tell what there is.",
    ),
    "database": ("The database does not answer, refuses, or broke off.", _LATER),
    "disk_full": ("There is no room for what must be written.", _LATER),
    "embedder": ("What makes vectors cannot be used.", "Search with `mode` `keyword`; else as for `database`."),
    "home": ("A file in the home of the brain cannot be made, read or trusted.", _LATER),
    "schema_too_new": ("A newer gbrain has migrated the brain.", "Whoever runs the brain installs that version."),
    "could_not_run": ("Nothing could be done at all.", _LATER),
    "internal": ("A defect of gbrain.", "Do without; the traceback is on the standard error of the brain's server."),
}
"""By code."""

RPC_ERRORS = {
    "-32700": ("What was sent is no JSON.", "Send one message a line, or one as the body, in UTF-8."),
    "-32600": (
        "It is JSON and no message: no `jsonrpc`, no `method`, an `id` that is neither text nor a whole number, a list "
        "of messages; or it is too long. Over HTTP that is status 400.",
        "Send each message by itself, and each request with an `id`.",
    ),
    "-32601": ("There is no such method.", "Call `tools/list` and `tools/call`: there are tools alone."),
    "-32602": (
        "There is no such tool, or none that this token may call; or the method's parameters are not understood.",
        "`tools/list` tells which tools there are for this token.",
    ),
}
"""By code."""

HTTP_ERRORS = {
    (401, "no_token"): (
        "No token was sent, or two.",
        "Send the header `Authorization: Bearer` and the token; nowhere else is it looked for.",
    ),
    (401, "bad_token"): (
        "The token is not known, was revoked or has expired.",
        "Have a new one made: `gbrain tokens add NAME`.",
    ),
    (429, "too_many_failures"): (
        "Too many tokens from this address, or from all together, were wrong within a minute.",
        "Wait as many seconds as `Retry-After` says. A token that was good since the server started is let in.",
    ),
    (403, "wrong_origin"): (
        "The request comes from a web page of another site (`Origin`).",
        "Speak to it from a program, which sends no `Origin`, or from a page under the server's own name.",
    ),
    (421, "wrong_host"): (
        "The server was called by a name (`Host`) that is none of its own.",
        "Call it by the address it listens on, or name the host in `allowed_hosts` in `config.toml`.",
    ),
    (404, "not_found"): ("Nothing is at this path.", "There are `/mcp` and `/healthz`."),
    (405, "wrong_method"): ("Nothing but `POST` is for `/mcp`, and `GET` for `/healthz`.", "Send messages by `POST`."),
    (503, "database"): ("The token could not be looked up. Other codes as in the table of tools.", _LATER),
    (500, "internal"): ("A defect of gbrain.", "Its standard error says more."),
}
"""By status and code."""

FROM_SDK = """\
Status 400, 406, 413 and 503 may also come with text or an error of JSON-RPC as the body: a `Content-Type` that is not
`application/json`; an `Accept` without it; a body of more than 1,000,000 bytes; and more requests at once than there
are [places](../limits.md)."""
