"""Languages as people name them, to the codes the catalogue uses (ISO 639)."""

from __future__ import annotations

_NAMES = """
af Afrikaans; am Amharic; ar Arabic; as Assamese; az Azerbaijani; be Belarusian; bg Bulgarian; bn Bengali, Bangla;
bo Tibetan; bs Bosnian; ca Catalan; ceb Cebuano; cs Czech; cy Welsh; da Danish; de German; el Greek; en English;
eo Esperanto; es Spanish; et Estonian; eu Basque; fa Persian, Farsi; fi Finnish; fr French; ga Irish; gl Galician;
gu Gujarati; ha Hausa; he Hebrew; hi Hindi; hr Croatian; hu Hungarian; hy Armenian; id Indonesian; ig Igbo;
is Icelandic; it Italian; ja Japanese; jv Javanese; ka Georgian; kk Kazakh; km Khmer, Cambodian; kn Kannada; ko Korean;
ku Kurdish; ky Kyrgyz; la Latin; lb Luxembourgish; lo Lao; lt Lithuanian; lv Latvian; mi Maori; mk Macedonian;
ml Malayalam; mn Mongolian; mr Marathi; ms Malay; mt Maltese; my Burmese; ne Nepali; nl Dutch; no Norwegian;
or Odia, Oriya; pa Punjabi; pl Polish; ps Pashto; pt Portuguese; ro Romanian; ru Russian; sa Sanskrit; sd Sindhi;
si Sinhala; sk Slovak; sl Slovenian; so Somali; sq Albanian; sr Serbian; su Sundanese; sv Swedish; sw Swahili; ta Tamil;
te Telugu; tg Tajik; th Thai; tk Turkmen; tl Tagalog, Filipino; tr Turkish; tt Tatar; ug Uyghur; uk Ukrainian; ur Urdu;
uz Uzbek; vi Vietnamese; xh Xhosa; yi Yiddish; yo Yoruba; yue Cantonese; zh Chinese, Mandarin; zu Zulu
"""
LANGUAGES: dict[str, tuple[str, ...]] = {
    code: tuple(name.strip() for name in names.split(","))
    for code, _, names in (entry.strip().partition(" ") for entry in _NAMES.replace("\n", " ").split(";"))
}
"""Code to the names of the language, the usual one first."""
_BY_NAME = {name.casefold(): code for code, names in LANGUAGES.items() for name in (code, *names)}
_BY_NAME |= {"nb": "no", "fil": "tl"}


def read_language(text: str) -> str | None:
    """`de`, `German` and `zh-Hant` as their codes; None for what is no language known here."""
    said = text.strip().casefold()
    return _BY_NAME.get(said) or _BY_NAME.get(said.replace("_", "-").partition("-")[0])


def name_of(code: str) -> str:
    """A language's English name; its code where it has none here."""
    return LANGUAGES.get(code, (code,))[0]


def known_names() -> list[str]:
    """Codes and names, for saying what was perhaps meant."""
    return [name for code, names in LANGUAGES.items() for name in (code, *names)]
