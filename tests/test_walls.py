"""The walls between the rooms, read from the source: who imports whom, and what is never written."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("strokeapp", "model_training")
SILENT_ROOMS = ("reading", "imaging", "perfusion", "performance")
NETWORK_AND_DATABASE = {
    "aiohttp", "asyncpg", "ftplib", "http", "httpx", "psycopg", "pynetdicom", "redis", "requests", "smtplib", "socket",
    "socketserver", "sqlalchemy", "sqlite3", "ssl", "urllib.request", "urllib3", "websockets", "xmlrpc",
}  # fmt: skip
IMPORTERS = ("import_module", "importlib.import_module", "__import__")
UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def sources() -> list[Path]:
    """Return every Python file of both packages, the pages and the entry."""
    files = [REPOSITORY / "app.py", *(REPOSITORY / "pages").rglob("*.py")]
    for package in PACKAGES:
        files += (REPOSITORY / package).rglob("*.py")
    return sorted(files)


def name_of(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=name_of(path))


def package_of(path: Path) -> list[str]:
    return list(path.relative_to(REPOSITORY).parent.parts)


def imported(path: Path) -> Iterator[str]:
    """Yield the full names of all modules a file imports, inside functions too."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package_of(path)
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in IMPORTERS:
            yield from (str(value.value) for value in node.args[:1] if isinstance(value, ast.Constant))


def is_under(module: str, roots: set[str] | tuple[str, ...]) -> bool:
    return any(module == root or module.startswith(f"{root}.") for root in roots)


def offenders(files: list[Path], roots: set[str] | tuple[str, ...]) -> list[str]:
    return [
        f"{name_of(path)} imports {module}" for path in files for module in imported(path) if is_under(module, roots)
    ]


def below_the_pages() -> list[Path]:
    outer = ("strokeapp/ui/", "pages/", "app.py")
    return [path for path in sources() if not name_of(path).startswith(outer)]


def test_there_is_something_to_check():
    assert len(sources()) > 50
    assert "streamlit" in set(imported(REPOSITORY / "app.py"))


def test_only_the_outer_rooms_import_streamlit():
    assert offenders(below_the_pages(), ("streamlit",)) == []


def test_the_application_never_imports_the_training():
    files = [path for path in sources() if not name_of(path).startswith("model_training/")]
    assert offenders(files, ("model_training",)) == []


def test_nothing_below_imports_the_user_interface():
    command_lines = ("strokeapp/__main__.py", "model_training/__main__.py")
    files = [path for path in below_the_pages() if name_of(path) not in command_lines]
    assert offenders(files, ("strokeapp.ui", "pages", "app")) == []


@pytest.mark.parametrize("room", SILENT_ROOMS)
def test_silent_rooms_know_no_database_and_no_network(room):
    folder = REPOSITORY / "strokeapp" / room
    assert offenders(sorted(folder.rglob("*.py")), NETWORK_AND_DATABASE) == []


def test_pages_and_entry_are_short():
    files = [REPOSITORY / "app.py", *(REPOSITORY / "pages").rglob("*.py")]
    assert {name_of(p): n for p in files if (n := len(p.read_text(encoding="utf-8").splitlines())) > 60} == {}


def test_modules_have_at_most_400_lines():
    assert {name_of(p): n for p in sources() if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400} == {}


def test_nothing_unpickles():
    assert offenders(sources(), UNSAFE) == []


def calls(path: Path) -> Iterator[ast.Call]:
    yield from (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))


def given(call: ast.Call, name: str) -> object:
    """Return the constant given for a keyword, or None."""
    values = [keyword.value for keyword in call.keywords if keyword.arg == name]
    return values[0].value if values and isinstance(values[0], ast.Constant) else None


def test_torch_loads_only_weights_and_numpy_no_objects():
    bad = []
    for path in sources():
        for call in calls(path):
            function = ast.unparse(call.func)
            if function == "torch.load" and given(call, "weights_only") is not True:
                bad.append(f"{name_of(path)}:{call.lineno} torch.load without weights_only=True")
            if given(call, "allow_pickle") is True or function in ("pd.read_pickle", "eval", "exec"):
                bad.append(f"{name_of(path)}:{call.lineno} {function}")
    assert bad == []


def swallows(handler: ast.ExceptHandler) -> bool:
    """Tell whether a handler catches everything and says nothing."""
    broad = handler.type is None or ast.unparse(handler.type) in ("Exception", "BaseException")
    silent = all(
        isinstance(node, ast.Pass | ast.Continue)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (
            isinstance(node, ast.Return) and ast.unparse(node.value or ast.Constant(None)) in ("None", "{}", "[]", "''")
        )
        for node in handler.body
    )
    return broad and silent


def test_no_error_is_swallowed():
    bad = [
        f"{name_of(path)}:{node.lineno}"
        for path in sources()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler) and swallows(node)
    ]
    assert bad == []


def test_assertions_do_not_validate():
    bad = [f"{name_of(p)}:{n.lineno}" for p in sources() for n in ast.walk(tree_of(p)) if isinstance(n, ast.Assert)]
    assert bad == []


def test_every_module_says_what_it_is_for():
    assert [name_of(path) for path in sources() if not ast.get_docstring(tree_of(path))] == []


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        ("except Exception: pass", True),
        ("except: return {}", True),
        ("except BaseException: ...", True),
        ("except ValueError: pass", False),
        ("except Exception as error: log(error)", False),
    ],
)
def test_the_swallowing_rule_itself(code, caught):
    tree = ast.parse(f"def f():\n    try:\n        g()\n    {code}\n")
    handler = next(node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler))
    assert swallows(handler) is caught
