"""Deferred imports: torch and timm take seconds to import, and `--help` needs neither."""

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def lazy_names(package: str, homes: Mapping[str, Iterable[str]]) -> tuple[Callable[[str], Any], list[str]]:
    """Return `__getattr__` (PEP 562) and `__all__` of a package that imports its modules when a name is first used.

    Args:
        package: its `__name__`.
        homes: maps a module of the package, or the full name of one elsewhere, to the names that the package exports
            from it; the package's own modules are names, too. No exported name may equal that of a module of the
            package, which would hide it once imported.
    """
    home_of = {name: module for module, names in homes.items() for name in names}

    def getattribute(name: str) -> Any:
        if name in homes:
            return import_module(f'{package}.{name}')
        if name not in home_of:
            raise AttributeError(f'module {package!r} has no attribute {name!r}')
        home = home_of[name]
        value = getattr(import_module(home if '.' in home else f'{package}.{home}'), name)
        setattr(sys.modules[package], name, value)
        return value

    return getattribute, sorted(home_of)


def import_with(first: str, then: str) -> None:
    """Import the module `then` right after the module `first`: at once if that is loaded, else when it is imported."""
    if first in sys.modules:
        import_module(then)
    else:
        sys.meta_path.insert(0, _Follower(first, then))


class _Follower(MetaPathFinder):
    def __init__(self, first: str, then: str) -> None:
        self.first, self.then = first, then

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self.first:
            return None
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, others), None)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def execute_both(module: ModuleType) -> None:
                execute(module)
                import_module(self.then)

            spec.loader.exec_module = execute_both
        return spec
