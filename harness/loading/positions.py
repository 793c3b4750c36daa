"""Turn YAML 1.2 text into plain data and the position of every key path."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import ReusedAnchorWarning, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from harness.errors import SpecErrors, UserError
from harness.loading.syntax import syntax_error
from harness.loading.textfile import text_of, typed_path
from harness.loading.words import KeyPath, clipped, shown

DEEPEST = 50
MOST_VALUES = 20_000
_TAG = "tag:yaml.org,2002:"
_CONSTRUCTED = {f"{_TAG}{name}" for name in ("null", "bool", "int", "float")}
# YAML 1.2 has no dates and no `=`: what looks like one is text.
_TEXT = {f"{_TAG}{name}" for name in ("str", "timestamp", "value")}
_COLLECTIONS = {f"{_TAG}{name}" for name in ("map", "seq")}

Position = tuple[int, int]


@dataclass(frozen=True)
class Entry:
    """Where one key path stands: 1-based (line, column) of key and value, and the value as typed."""

    key: Position
    value: Position
    typed: str | None
    """Source of a scalar or of a bracketed collection on one line; null for anything longer."""
    section: bool
    """A list, a mapping, or nothing at all."""

    @property
    def best(self) -> Position:
        """The value when there is one word, else the key that opens the section."""
        return self.key if self.section else self.value


@dataclass(frozen=True)
class Document:
    """One YAML file: its data, and where each key path stands."""

    file: str
    """As a person would type it."""
    data: Any
    entries: dict[KeyPath, Entry]


def read_document(path: Path) -> Document:
    """Data and positions of a spec; raises `UserError` unless it holds one mapping."""
    document = parsed(text_of(path), file=typed_path(path))
    if isinstance(document.data, dict):
        return document
    line, column = document.entries[()].best if document.entries else (1, 1)
    what = "the file is empty" if document.data is None else f"the file holds {shown(document.data)}"
    where = f"{document.file}:{line}:{column}"
    raise UserError(f"{what}; needs a mapping", where=where, fix="write `key: value` lines")


def parsed(text: str, *, file: str) -> Document:
    """Data and positions of any YAML text; raises `UserError` placed in `file`."""
    yaml = YAML(typ="safe", pure=True)
    builder = _Builder(text, file, yaml)
    node = _composed(yaml, text, file=file)
    if node is None:
        return Document(file, None, {})
    data = builder.build(node, path=(), key=_position(node))
    if builder.problems:
        raise SpecErrors(builder.problems)
    return Document(file, data, builder.entries)


def _composed(yaml: YAML, text: str, *, file: str) -> Node | None:
    try:
        with warnings.catch_warnings():
            # Naming an anchor twice is legal YAML.
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            node: Node | None = yaml.compose(text)
            return node
    except YAMLError as error:
        raise syntax_error(error, text=text, file=file) from error
    except RecursionError:
        raise _too_deep(f"{file}:{_depth_exceeded(text)}") from None


def _depth_exceeded(text: str) -> str:
    """Where the nesting passes the limit; events need no recursion."""
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEEPEST:
            return f"{event.start_mark.line + 1}:{event.start_mark.column + 1}"
    return "1:1"


def _too_deep(where: str) -> UserError:
    return UserError(f"nested deeper than {DEEPEST} levels", where=where, fix="remove brackets or indentation")


def _position(node: Node) -> Position:
    return node.start_mark.line + 1, node.start_mark.column + 1


@dataclass
class _Builder:
    """Walks the nodes once: plain data out, positions and problems kept."""

    text: str
    file: str
    yaml: YAML
    entries: dict[KeyPath, Entry] = field(default_factory=dict)
    problems: list[UserError] = field(default_factory=list)

    def build(self, node: Node, *, path: KeyPath, key: Position) -> Any:
        if len(path) > DEEPEST:
            raise _too_deep(self._where(node))
        if len(self.entries) > MOST_VALUES:
            what = f"more than {MOST_VALUES} values"
            raise UserError(what, where=self._where(node), fix="remove the aliases (*name)")
        section = isinstance(node, CollectionNode) or node.start_mark.index == node.end_mark.index
        self.entries[path] = Entry(key, _position(node), self._typed(node), section)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if node.tag not in _COLLECTIONS:
            self._report_tag(node)
        if isinstance(node, MappingNode):
            pairs = self._pairs(node)
            return {name: self.build(item, path=(*path, name), key=at) for name, at, item in pairs}
        items = enumerate(node.value)
        return [self.build(item, path=(*path, i), key=_position(item)) for i, item in items]

    def _pairs(self, node: MappingNode) -> Iterator[tuple[str, Position, Node]]:
        """Keys as text, so that `0: no` and `True: yes` mean what they say."""
        seen: dict[str, Position] = {}
        for key, item in node.value:
            if not isinstance(key, ScalarNode):
                self._report(key, "a list or mapping stands as a key; needs text", fix="quote it")
            elif key.tag == f"{_TAG}merge":
                self._report(key, "'<<' is not YAML 1.2", fix="repeat the keys here, or alias each value")
            elif key.value in seen:
                first = seen[key.value][0]
                self._report(key, f"key {shown(key.value)} is already set in line {first}", fix="keep one")
            else:
                seen[key.value] = _position(key)
                yield key.value, _position(key), item

    def _scalar(self, node: ScalarNode) -> Any:
        text: str = node.value
        if any("\ud800" <= char <= "\udfff" for char in text):
            self._report(node, "half a character (a lone surrogate)", fix="write the whole character")
        if node.tag in _TEXT:
            return text
        if node.tag not in _CONSTRUCTED:
            self._report_tag(node)
            return text
        try:
            return self.yaml.constructor.construct_object(node)
        except (ValueError, LookupError):
            kind = node.tag.removeprefix(_TAG)
            self._report(node, f"{shown(text)} cannot be read as {kind}", fix="mend it or quote it")
            return text

    def _typed(self, node: Node) -> str | None:
        if isinstance(node, CollectionNode):
            source: str = self.text[node.start_mark.index : node.end_mark.index]
            return source if node.flow_style and "\n" not in source else None
        return str(node.value)

    def _where(self, node: Node) -> str:
        line, column = _position(node)
        return f"{self.file}:{line}:{column}"

    def _report_tag(self, node: Node) -> None:
        tag = clipped(str(node.tag).replace(_TAG, "!!"))
        self._report(node, f"tag {tag} is not allowed", fix="remove the tag")

    def _report(self, node: Node, what: str, *, fix: str) -> None:
        self.problems.append(UserError(what, where=self._where(node), fix=fix))
