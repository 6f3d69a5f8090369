"""The commands for keys of the HTTP service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from calmscore.commands.process import actor, open_store

if TYPE_CHECKING:
    from calmscore.store.keys import KeyRow


keys = typer.Typer(help="Keys of the HTTP service.", no_args_is_help=True, rich_markup_mode=None)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    role: Annotated[
        Literal["viewer", "supervisor", "admin"], typer.Option(help="What it may do.")
    ] = "viewer",
    days: Annotated[
        int, typer.Option(min=0, max=3650, help="How long it opens anything; 0 is without end.")
    ] = 365,
) -> None:
    """Make a key and print it, this once."""
    from calmscore.store import audit
    from calmscore.store.keys import create_key

    with open_store() as store, store.database.writing() as session:
        key = create_key(session, name=name, role=role, days=days or None)
        audit.record(session, actor=actor(), action="key created")
    print(key)


@keys.command("list")
def list_keys() -> None:
    """List all keys, without the keys themselves."""
    from calmscore.store.keys import list_keys

    with open_store() as store, store.database.reading() as session:
        for key in list_keys(session):
            cells = [f"{key.id:>4}", f"{key.role:<10}", f"{key.created_at:%Y-%m-%d}"]
            print("  ".join([*cells, f"{_key_state(key):<36}", key.name]))


def _key_state(key: KeyRow) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    used = f"used {key.last_used_at:%Y-%m-%d}" if key.last_used_at else "never used"
    if key.expires_at is None:
        return f"{used}, no end"
    return f"{used}, {'ended' if key.is_over() else 'ends'} {key.expires_at:%Y-%m-%d}"


@keys.command("revoke")
def revoke_key(key_id: Annotated[int, typer.Argument(help="As in keys list.")]) -> None:
    """Make a key useless."""
    from calmscore.store import audit
    from calmscore.store.keys import revoke_key

    with open_store() as store, store.database.writing() as session:
        revoke_key(session, key_id)
        audit.record(session, actor=actor(), action="key revoked")
