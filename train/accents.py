"""Foreign accents: English words spelled so that a voice of another language says something close.

The English phonemes of a word (by espeak's voice `en-US`) are written with the letters of the other
language, one table per language; the voice then reads that with its own sounds. Sounds that the
language lacks become the neighbours its speakers choose ("three" → "tri", "this" → "dis" or "zis").
"""

from __future__ import annotations

import functools

from convert.errors import SpecError

ENGLISH = "en-US"
"""Whose phonemes the words have: with every r, and "one" as "wun"."""

# espeak's English phonemes → letters that most languages in Latin script read alike.
_BASE = {
    **{"I": "i", "I2": "i", "I#": "i", "i": "i", "i:": "i", "E": "e", "E2": "e", "E#": "e"},
    **{
        "a": "a",
        "aa": "a",
        "a#": "a",
        "A:": "a",
        "A": "a",
        "V": "a",
        "0": "o",
        "0#": "o",
        "02": "o",
    },
    **{"O": "o", "O:": "o", "O2": "o", "o": "o", "U": "u", "u": "u", "u:": "u"},
    **{"@": "e", "@2": "e", "@5": "u", "3": "er", "3:": "er", "@L": "el", "@-": ""},
    **{"eI": "ei", "aI": "ai", "OI": "oi", "aU": "au", "oU": "ou"},
    **{"i@": "ir", "e@": "er", "U@": "ur", "A@": "ar", "o@": "or", "O@": "or", "i@3": "ir"},
    **{"aI@": "air", "aI3": "air", "aU@": "aur"},
    **{c: c for c in "pbtdkgfvszhrlmn"},
    **{"r-": "r", "t2": "t", "t#": "t", "d#": "d", "z#": "z", "N": "ng", "j": "y", "w": "u"},
    **{"T": "t", "D": "d", "S": "sh", "Z": "j", "tS": "ch", "dZ": "j", "x": "h", "l#": "l"},
}
_SLAVIC = "S=š Z=ž tS=č dZ=dž j=j w=v aI=aj eI=ej OI=oj"
_NORDIC = "z=s S=sj Z=sj tS=tj dZ=dj j=j w=v aI=aj eI=ej OI=oj oU=å o=å"
_TABLES = {
    "es": "z=s S=ch Z=y dZ=y h=j N=n",
    "it": "z=s h= S=sci Z=gi tS=ci dZ=gi j=i N=n",
    "pt": "S=ch tS=tch dZ=dj h=rr j=i N=n",
    "ro": "S=ș tS=ci dZ=gi j=i N=n",
    "ca": "z=s h= S=x tS=tx dZ=tj j=i",
    "eu": "z=s S=x tS=tx dZ=j j=i v=b",
    "fr": "U=ou u=ou u:=ou w=ou E=è E2=è @=eu 3:=eur 3=eur eI=é aI=aï aU=aou oU=o OI=oï S=ch "
    "tS=tch dZ=dj h= T=s D=z j=i k=k V=a N=ngue",
    "de": "z=s v=w w=w S=sch Z=sch tS=tsch dZ=dsch eI=eh aI=ei OI=eu oU=oh j=j D=d i:=ie k=k",
    "nl": "u=oe u:=oe U=oe w=w i=ie i:=ie I=i eI=ee aI=aai OI=ooi oU=oo aU=au S=sj Z=zj tS=tsj "
    "dZ=dzj j=j",
    "sv": _NORDIC,
    "nb": _NORDIC + " aI=ai eI=ei OI=oi",
    "da": _NORDIC,
    "fi": "z=s S=s Z=s tS=ts dZ=ts j=j w=v N=nk",
    "et": "z=s S=š Z=š tS=tš dZ=dž j=j w=u",
    "pl": "v=w w=ł S=sz Z=ż tS=cz dZ=dż j=j aI=aj eI=ej OI=oj oU=oł aU=ał h=h",
    "cs": _SLAVIC,
    "sk": _SLAVIC,
    "hr": _SLAVIC,
    "sl": _SLAVIC,
    "lt": _SLAVIC + " aI=ai eI=ei OI=oi w=u",
    "lv": _SLAVIC,
    "hu": "s=sz S=s Z=zs tS=cs dZ=dzs j=j w=v a=á V=á A:=á A=á aI=áj eI=éj A@=ár",
    "tr": "S=ş Z=j tS=ç dZ=c w=v aI=ay eI=ey OI=oy oU=o aU=av",
    "id": "S=sy Z=j tS=c w=w j=y",
    "ms": "S=sy Z=j tS=c w=w j=y",
    "sw": "w=w",
    "eo": _SLAVIC + " S=ŝ Z=ĵ tS=ĉ dZ=ĝ aU=aŭ oU=o",
}
_LATIN = "a e i o u p b t d k g f v s z h r l m n"
_CYRILLIC = "а э и о у п б т д к г ф в с з х р л м н"
_GREEK = "α ε ι ο ου π μπ τ ντ κ γκ φ β σ ζ χ ρ λ μ ν"
_SCRIPTS = {
    "ru": dict(zip(_LATIN.split(), _CYRILLIC.split(), strict=True))
    | {"sh": "ш", "ch": "ч", "j": "дж", "y": "й", "ai": "ай", "ei": "эй", "oi": "ой", "ou": "оу"},
    "el": dict(zip(_LATIN.split(), _GREEK.split(), strict=True))
    | {"sh": "σ", "ch": "τσ", "j": "τζ", "y": "γι", "ai": "αϊ", "ei": "εϊ", "oi": "οϊ"},
}
FOREIGN: tuple[str, ...] = (
    *("es", "es-419", "it", "ro", "ca", "fr", "fr-BE", "fr-CH", "de", "nl", "sv", "fi", "et"),
    *("lt", "pl", "cs", "sk", "hr", "hu", "ru", "el", "eu", "id", "ms", "sw", "eo"),
)
"""Voices that `foreign_voices = ["all"]` stands for.

A crude classifier trained on real English digits (four speakers of FSDD) understands them as well
as the English accents: 53 to 76 % each against 48 to 69 %. Portuguese, Turkish, Danish, Norwegian,
Slovenian and Latvian, which it understood worse, are left out; they can be named.
"""


def _language(voice: str) -> str:
    return voice.split("+")[0].split("-")[0].lower()


def check_foreign(voice: str) -> str:
    """The voice's name as espeak spells it, for a language that has a table here.

    Raises:
        SpecError: no such voice, or no table for its language.
    """
    from train.synthesis import check_voice

    name = check_voice(voice)
    if _language(name) not in _TABLES and _language(name) not in _SCRIPTS:
        known = ", ".join(sorted({*_TABLES, *_SCRIPTS}))
        raise SpecError(
            f"foreign_voices must be of the languages {known}. Received: {voice!r}. Put it under "
            "voices, with pronunciations spelled for it."
        )
    return name


@functools.lru_cache(maxsize=64)
def _table(language: str) -> dict[str, str]:
    table = dict(_BASE)
    for entry in _TABLES.get(language, "").split():
        phoneme, _, letters = entry.partition("=")
        table[phoneme] = letters
    return table


def spell(phonemes: str, voice: str) -> str:
    """English phonemes in espeak's notation → letters for `voice`.

    Unknown signs (stress, pauses) are skipped.
    """
    language = _language(voice)
    table = _table(language)
    letters, at = [], 0
    while at < len(phonemes):
        for length in (3, 2, 1):
            part = phonemes[at : at + length]
            if len(part) == length and part in table:
                letters.append(table[part])
                at += length
                break
        else:
            if phonemes[at] == " ":
                letters.append(" ")
            at += 1
    text = "".join(letters).replace("rr", "r") if language != "pt" else "".join(letters)
    if language == "fr":  # a final consonant is only spoken before an e
        text = " ".join(w if w[-1:] in "aeiouéïè" else w + "e" for w in text.split())
    script = _SCRIPTS.get(language)
    if script:
        written, at = "", 0
        while at < len(text):
            pair = text[at : at + 2]
            key = pair if len(pair) == 2 and pair in script else text[at]
            written += script.get(key, " " if key == " " else "")
            at += len(key)
        text = written
    return text


def accented(text: str, voice: str, turn: int = 0) -> str:
    """A word (English spelling, or "[[phonemes]]") as `voice` should read it.

    Args:
        text: the word.
        voice: voice or voice+variant.
        turn: a number; now and then the plain English spelling is kept, as people who learned a
            word from paper do.
    """
    from train.synthesis import phonemes

    if "[[" in text:
        return spell(text.replace("[[", "").replace("]]", ""), voice)
    if turn % 8 == 0 and _language(voice) not in _SCRIPTS:
        return text
    return spell(phonemes(text, voice=ENGLISH)[0], voice) or text
