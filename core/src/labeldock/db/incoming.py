"""The table of archives that are being sent here, piece by piece.

Part of the same schema as `tables`, with the same rules.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from labeldock.db.columns import reference, row_id, utc_now
from labeldock.db.types import BigId, Json, UtcDateTime


class IncomingArchive(SQLModel, table=True):
    """An archive that somebody sends; its file is the folder of its pieces.

    `length` is how long it will be, `received` how much of it is here, `pieces` how
    long each piece is; each lies under the place of its first byte.
    """

    __tablename__ = "incoming_archive"
    __table_args__ = (UniqueConstraint("token"), {"sqlite_autoincrement": True})

    id: int = row_id()
    token: str
    user_id: int = reference("user_account.id", "CASCADE", index=True)
    file_id: int = reference("stored_file.id", "CASCADE", index=True)
    filename: str = ""
    length: int = Field(sa_type=BigId)
    received: int = Field(default=0, sa_type=BigId)
    pieces: list[int] = Field(
        default_factory=list, sa_column=Column(Json, nullable=False)
    )
    created_at: datetime = Field(
        default_factory=utc_now, sa_type=UtcDateTime, nullable=False
    )
