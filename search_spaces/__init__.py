"""Search spaces that ship with hsiauto, installed as hsiauto.search_spaces."""
