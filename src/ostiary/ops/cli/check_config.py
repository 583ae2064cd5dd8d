"""``ostiary check-config``: what is in force, who said so, and whether it would start."""

from __future__ import annotations

import click

from ostiary.ops.cli import output
from ostiary.ops.cli.program import FAILED, Asked, with_options
from ostiary.ops.config_file import settings
from ostiary.ops.examine import examine


@click.command("check-config")
@with_options
def command(asked: Asked) -> int:
    """Print the configuration that is in force.

    Secrets are masked, and nothing is touched. It also looks at the data directory and the store.
    Fails when something has to be mended.
    """
    loaded = asked.load()
    found = settings(loaded)
    findings = examine(loaded.config)
    good = all(finding.good for finding in findings)

    def tell() -> None:
        output.table(
            ("KEY", "VALUE", "DEFAULT", "SAID BY"),
            [(item.key, item.value, item.default, item.source) for item in found],
        )
        for finding in findings:
            output.note(f"{finding.what}: {finding.text}")

    shape = {"file": str(loaded.file) if loaded.file else None, "settings": found}
    asked.answer({**shape, "findings": findings, "good": good}, tell)
    return 0 if good else FAILED
