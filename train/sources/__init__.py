"""Where speech comes from: one module per kind of source, all combined by `train.datasets`.

Every kind has a frozen specification dataclass (its `kind` field tells it apart in a project file)
with a method `items(context) -> list[Item]` that lists what the source offers without reading it.
"""
