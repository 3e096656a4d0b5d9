"""Shapes on the wire that papers of every kind share."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import BaseModel, Field

Instant = Annotated[dt.datetime, Field(examples=["2026-11-23T12:00:00+08:00"])]


class Choice(BaseModel):
    """The options an officer chose, by id."""

    option_ids: list[str] = Field(min_length=1, examples=[["3f9a0c12"]])


class Basis(BaseModel):
    """A legal basis (法律依据)."""

    instrument: str = Field(examples=["行政处罚法"])
    article: str = Field(examples=["第六十三条"])


class Option(BaseModel):
    """An option of a question; its id is what an answer names."""

    id: str
    text: str


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI of a JSON body that the route reads by hand, so that the order of refusals holds."""
    schema = model.model_json_schema(ref_template="#/{model}")
    definitions = schema.pop("$defs", {})

    def inline(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return inline(definitions[node["$ref"].removeprefix("#/")])
            return {name: inline(value) for name, value in node.items()}
        return [inline(item) for item in node] if isinstance(node, list) else node

    return {"requestBody": {"required": True, "content": {"application/json": {"schema": inline(schema)}}}}
