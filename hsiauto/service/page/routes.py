"""The pages' routes."""

from fastapi import APIRouter, Request

router = APIRouter(include_in_schema=False)


def login_page(request: Request) -> str:
    """The form of the login."""
    return '<!doctype html><title>hsiauto</title><form method="post"><input name="token" type="password"></form>'
