"""XML that somebody else wrote: no entity is expanded, and nothing outside the file is read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from hsiauto.errors import UserError
from hsiauto.files import regular_file
from hsiauto.scene.readers.beside import LARGEST_XML


def parsed(path: Path, refusal: Callable[[str], UserError]) -> ElementTree.Element:
    """The root of a file. Raises `refusal(what it is)` for declarations, which would come first, and for no XML."""
    with regular_file(path).open("rb") as file:
        content = file.read(LARGEST_XML + 1)
    if len(content) > LARGEST_XML:
        raise UserError(f"{path} must have at most {LARGEST_XML:,} bytes", "more", "Give the file as it was delivered.")
    builder, parser = ElementTree.TreeBuilder(), expat.ParserCreate()

    def declared(*_: Any) -> None:
        raise refusal("a document type declaration")

    parser.StartDoctypeDeclHandler = declared
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise refusal(f"no XML ({error})") from error
    return builder.close()
