"""What a start may load: a vehicle box without PyTorch runs the app, a server without Qt runs core.

Each case is a fresh process, because this one has long imported everything.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

NEEDS_TORCH = (
    "core.distillation",
    "core.engines.eager",
    "core.engines.onednn",
    "core.fake_quantization",
    "core.fusion",
    "core.tie_free",
    "core.models",
    "core.quantization",
    "core.step_sizes",
)

IMPORT = "import importlib, json, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
RUN_HELP = """
import json, sys
from app.__main__ import main
sys.argv[0] = "incab"
try:
    status = main()
except SystemExit as ended:
    status = ended.code
if status:
    sys.exit(f"--help ended with {status}")
"""
REPORT = "\nprint('\\n' + json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"


def loaded_by(code: str, *arguments: str) -> frozenset[str]:
    """Top-level modules that a fresh process has loaded after `code`."""
    process = subprocess.run(
        [sys.executable, "-c", code + REPORT, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return frozenset(json.loads(process.stdout.splitlines()[-1]))


def modules_of(package: str) -> list[str]:
    """Every module, found in the folder and not imported here."""
    files = (path.relative_to(ROOT).with_suffix("") for path in (ROOT / package).rglob("*.py"))
    return sorted(".".join(file.parts).removesuffix(".__init__") for file in files)


@pytest.mark.parametrize("package", ["core", "app", "training", "assets"])
def test_every_folder_of_modules_is_a_package(package: str) -> None:
    """Without `__init__.py` a folder is missing from the wheel and from the import rules."""
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    assert folders
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_the_probe_sees_an_import() -> None:
    assert "decimal" in loaded_by(IMPORT, "decimal")
    assert "torch" not in loaded_by(IMPORT, "json")


@pytest.mark.parametrize("module", ["app.__main__", "app.main_window"])
def test_the_app_starts_without_torch(module: str) -> None:
    assert not loaded_by(IMPORT, module) & {"torch"}


def test_no_module_of_the_app_brings_torch() -> None:
    modules = modules_of("app")
    assert "app.__main__" in modules
    assert not loaded_by(IMPORT, *modules) & {"torch"}


@pytest.mark.parametrize("command", [(), ("replay",), ("bench",)])
def test_help_needs_no_torch(command: tuple[str, ...]) -> None:
    assert not loaded_by(RUN_HELP, *command, "--help") & {"torch"}


@pytest.mark.parametrize("module", ["training.synthetic.synthesize", "training.prepare"])
def test_making_data_needs_no_torch(module: str) -> None:
    """Each of its worker processes would load it."""
    assert not loaded_by(IMPORT, module) & {"torch"}


def test_core_needs_neither_torch_nor_qt() -> None:
    modules = [name for name in modules_of("core") if not name.startswith(NEEDS_TORCH)]
    assert "core.annotations" in modules
    assert not loaded_by(IMPORT, *modules) & {"torch", "PySide6", "pyqtgraph"}


def test_openvino_starts_no_usage_reporter() -> None:
    """Its telemetry package would open a connection from a thread of its own."""
    code = "import core.engines.openvino, json, sys; reporter = sys.modules['openvino_telemetry']"
    assert "openvino" in loaded_by(code + "; assert reporter is None")
