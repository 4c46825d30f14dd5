"""The page: frames of HTML (`routes`, `templates/`) and ES modules (`static/`), some of which are the report's."""
