"""Which line of a TOML text each key stands on; tomllib keeps no positions.

Only for texts that tomllib has accepted: the scanner knows just enough TOML to walk from key to key.
"""

from __future__ import annotations

Path = tuple[str | int, ...]

_BLANK = " \t"
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}


def key_lines(text: str) -> dict[Path, int]:
    """Path of every table, key and array element to its line, counted from 1: `("score", 0, "kind")` to 12."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.lines


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of a path, or of the nearest thing around it."""
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


def written(path: Path) -> str:
    """`("candidate", 0, "prompt")` as `candidate[0].prompt`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._arrays: dict[Path, int] = {}
        """Arrays of tables: path to the index of the table that is open."""
        self._counted_to = 0
        self._line = 1

    def document(self) -> None:
        table: Path = ()
        while self.skip():
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)

    def header(self) -> Path:
        """`[a.b]` or `[[a.b]]`: the path of the table it opens."""
        many = self.text.startswith("[[", self.at)
        line = self.line()
        self.at += 2 if many else 1
        path: Path = ()
        keys = self.key()
        for place, key in enumerate(keys):
            path = (*path, key)
            if many and place == len(keys) - 1:
                self._arrays[path] = self._arrays.get(path, -1) + 1
            self.lines.setdefault(path, line)
            if path in self._arrays:
                path = (*path, self._arrays[path])
        self.lines.setdefault(path, line)
        self.blanks()
        self.at += 2 if many else 1
        return path

    def pair(self, table: Path) -> None:
        line = self.line()
        path = table
        for key in self.key():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self.blanks()
        self.at += 1  # the equals sign
        self.blanks()
        self.value(path)

    def value(self, path: Path) -> None:
        start = self.text[self.at]
        if start in "\"'":
            self.string()
        elif start == "[":
            self.array(path)
        elif start == "{":
            self.inline_table(path)
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}#\n":
                self.at += 1

    def array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self.skip(",") and self.text[self.at] != "]":
            self.lines[(*path, index)] = self.line()
            self.value((*path, index))
            index += 1
        self.at += 1

    def inline_table(self, path: Path) -> None:
        self.at += 1
        while self.skip(",") and self.text[self.at] != "}":
            self.pair(path)
        self.at += 1

    def key(self) -> list[str]:
        """A dotted key: `a."b c".d` as three parts."""
        parts = []
        while True:
            self.blanks()
            if self.text[self.at] in "\"'":
                parts.append(self.string())
            else:
                start = self.at
                while self.text[self.at] not in " \t.=]\n":
                    self.at += 1
                parts.append(self.text[start : self.at])
            self.blanks()
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def string(self) -> str:
        quote = self.text[self.at]
        if self.text.startswith(quote * 3, self.at):
            self.long_string(quote)
            return ""  # cannot be a key
        self.at += 1
        letters = []
        while self.text[self.at] != quote:
            letters.append(self.escape() if quote == '"' and self.text[self.at] == "\\" else self.text[self.at])
            self.at += 1
        self.at += 1
        return "".join(letters)

    def escape(self) -> str:
        """The character an escape stands for; leaves `at` on its last letter."""
        self.at += 1
        letter = self.text[self.at]
        digits = {"x": 2, "u": 4, "U": 8}.get(letter)
        if digits is None:
            return _ESCAPES.get(letter, letter)
        self.at += digits
        return chr(int(self.text[self.at - digits + 1 : self.at + 1], 16))

    def long_string(self, quote: str) -> None:
        """Three quotes to three quotes; up to two more belong to the text before the end."""
        self.at += 3
        while not self.text.startswith(quote * 3, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += 3
        for _ in range(2):
            if self.text.startswith(quote, self.at):
                self.at += 1

    def skip(self, also: str = "") -> bool:
        """Past blanks, line ends and comments; whether anything is left."""
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter == "#":
                end = self.text.find("\n", self.at)
                self.at = end if end >= 0 else len(self.text)
            elif letter in _BLANK or letter == "\n" or letter in also:
                self.at += 1
            else:
                return True
        return False

    def blanks(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in _BLANK:
            self.at += 1

    def line(self) -> int:
        self._line += self.text.count("\n", self._counted_to, self.at)
        self._counted_to = self.at
        return self._line
