"""Writes the tables of Chinese characters in src/perturbation/tables: `python3 scripts/chinese-tables.py`.

Readings are those of pypinyin (MIT, https://github.com/mozillazg/python-pinyin), whose data come from Unicode's Unihan
(kMandarin and kHanyuPinlu, Unicode License). Traditional characters are recipes/traditional-characters.txt (OpenCC,
Apache-2.0), inverted where one simplified character stands for one traditional one.
"""

from collections import defaultdict
from pathlib import Path

from pypinyin import Style, pinyin

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "src/perturbation/tables"


def level_one() -> list[str]:
    """The 3,755 commonest characters as GB 2312 has them: rows 16 to 55, of which the last ends early."""
    return [
        bytes((lead, trail)).decode("gb2312")
        for lead in range(0xB0, 0xD8)
        for trail in range(0xA1, 0xFA if lead == 0xD7 else 0xFF)
    ]


def level_two() -> list[str]:
    return [bytes((lead, trail)).decode("gb2312") for lead in range(0xD8, 0xF8) for trail in range(0xA1, 0xFF)]


def sound_alikes() -> list[str]:
    """A line a syllable: characters of the same tone together, tones separated by spaces."""
    syllables: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for character in level_one():
        reading = pinyin(character, style=Style.TONE3, neutral_tone_with_five=True)[0][0]
        syllables[reading[:-1]][reading[-1]].append(character)
    lines = []
    for _, tones in sorted(syllables.items()):
        groups = ["".join(tones[tone]) for tone in sorted(tones)]
        if len("".join(groups)) > 1:
            lines.append(" ".join(groups))
    return lines


def big5_level(character: str) -> int:
    """1 for the common characters of Big5, 2 for the rarer ones, 0 for those that it does not have."""
    try:
        code = character.encode("big5")
    except UnicodeEncodeError:
        return 0
    return 1 if b"\xa4\x40" <= code <= b"\xc6\x7e" else 2


def traditional() -> str:
    """Without what is common in traditional texts itself, such as the character of "to repair"."""
    lines = (ROOT / "recipes/traditional-characters.txt").read_text("utf-8").splitlines()
    groups = [group for line in lines if not line.startswith("#") for group in line.split()]
    known = set(level_one() + level_two())
    return "".join(
        group
        for group in groups
        if len(group) == 2 and group[0] in known and big5_level(group[0]) != 1 and big5_level(group[1]) > 0
    )


def chunks(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def write(name: str, head: str, constant: str, lines: list[str], comment: str) -> None:
    body = "\n".join(lines)
    source = f"// Written by scripts/chinese-tables.py.\n{head}\n\n/** {comment} */\nexport const {constant}: string = `\n{body}\n`;\n"
    (TABLES / name).write_text(source, "utf-8")


write(
    "sound-alikes.ts",
    "// Readings: pypinyin (MIT), from Unicode's Unihan (Unicode License, https://www.unicode.org/license.txt).",
    "SOUND_ALIKES",
    sound_alikes(),
    "The characters of GB 2312's first level, a line a syllable, tones separated by a space.",
)
write(
    "traditional.ts",
    "// From OpenCC's TSCharacters (https://github.com/BYVoid/OpenCC, Apache-2.0), entries that are one to one.",
    "TRADITIONAL",
    chunks(traditional(), 60),
    "Pairs: a simplified character of GB 2312, and the one traditional character that stands for it.",
)
