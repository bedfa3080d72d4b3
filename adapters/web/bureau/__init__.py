"""The pages of the insurance bureau."""

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
