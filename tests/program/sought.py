"""Looking for words in bytes, however they may be written there."""
import base64

WORD_BYTES = 6  # what is shorter may come up by chance in what is sealed; of this length, in one capture in millions
URLSAFE = bytes.maketrans(b"+/", b"-_")


def forms(word):
    """The ways in which bytes may stand somewhere in clear. Within another text base64 has them in one of three ways."""
    found = {word, word.hex().encode(), word.hex().upper().encode()}
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + word)
        text = text[4 * (shift > 0):-4 if text.endswith(b"=") else None]
        found |= {text, text.translate(URLSAFE)}
    return {form for form in found if len(form) >= WORD_BYTES}


def seen(words, texts):
    """Those words that stand in one of the texts, in whatever form."""
    return {word for word in words for form in forms(word) for text in texts if form in text}
