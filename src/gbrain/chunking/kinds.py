"""Which paths are taken in, and how each is parsed: decided by the extension alone."""

from __future__ import annotations

from gbrain.domain.content import PageKind

MARKDOWN = frozenset({b"md", b"mdx", b"markdown"})
TEXT = frozenset({b"txt", b"rst", b"org", b"adoc"})
CODE = frozenset(
    b"""
    py pyi pyx js mjs cjs jsx ts mts cts tsx vue svelte astro go rs zig c h cc cpp cxx hh hpp hxx m mm java kt kts
    scala groovy gradle cs fs fsx vb swift dart rb php pl pm lua r jl ex exs erl hrl hs lhs ml mli clj cljs cljc edn
    el lisp scm rkt nim cr d f f90 f95 pas ada adb ads asm s sol vy move sh bash zsh fish ps1 bat awk sql graphql
    proto thrift tf hcl nix cmake mk css scss sass less html htm xml json jsonc json5 toml yaml yml ini
    """.split()
)

_KINDS = (
    dict.fromkeys(MARKDOWN, PageKind.MARKDOWN) | dict.fromkeys(TEXT, PageKind.TEXT) | dict.fromkeys(CODE, PageKind.CODE)
)


def kind_of(path: bytes) -> PageKind | None:
    """How a page at `path` is parsed; None where paths of this extension, or of none, are not taken in.

    The strategy `markdown` means the kinds MARKDOWN and TEXT, `code` the kind CODE, `auto` all three. A name that
    begins with its only dot (`.md`) has no extension.
    """
    stem, _, extension = path.rpartition(b"/")[2].rpartition(b".")
    return _KINDS.get(extension.lower()) if stem else None
