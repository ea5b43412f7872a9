"""The reference says what the program does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_reference_is_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, "tools/reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_every_link_in_the_documents_leads_somewhere() -> None:
    from gbrain.chunking.derive import derive
    from gbrain.domain.content import LinkKind, PageContent

    missing = []
    for file in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        content = derive(file.name.encode(), file.read_bytes())
        assert isinstance(content, PageContent)
        targets = [link.target for link in content.links if link.kind in (LinkKind.LINK, LinkKind.IMAGE)]
        missing += [
            f"{file.relative_to(ROOT)}: {target}"
            for target in targets
            if "://" not in target and not (file.parent / target.partition("#")[0]).exists()
        ]
    assert missing == []
