"""What a browser may say over the websocket: the messages that Rapport's screens need, in sizes that they need."""

from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState

LARGEST: Final = 5 * 1024 * 1024
"""Bytes of one message: twenty full forms."""

LONGEST_QUERY: Final = 16 * 1024
LONGEST_NAME: Final = 512

PROTOCOL_ERROR: Final = 1002
NOT_TEXT: Final = 1003
TOO_BIG: Final = 1009

ALLOWED: Final = frozenset(
    {"rerun_script", "stop_script", "file_urls_request", "app_heartbeat", "backend_operation_request"}
)
"""Everything else is dropped: `clear_cache` would empty the caches of all people, `set_run_on_save` and the rest serve developers."""

ALLOWED_OPERATIONS: Final = frozenset({"dataframe_chunk"})
"""Dropped: `deferred_file` runs another session's function by its id; `install_skills` writes to the server's disk."""


@dataclass(frozen=True)
class Verdict:
    """What to do with a message. close: the code to close the socket with; by_hand: a person did something."""

    passes: bool = False
    by_hand: bool = False
    close: int | None = None


DROP: Final = Verdict()
PASS: Final = Verdict(passes=True)
BY_HAND: Final = Verdict(passes=True, by_hand=True)


def judge(data: bytes | None) -> Verdict:
    """Judge one message of a browser; None stands for a text message."""
    if data is None:
        return Verdict(close=NOT_TEXT)
    if len(data) > LARGEST:
        return Verdict(close=TOO_BIG)
    message = BackMsg()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return Verdict(close=PROTOCOL_ERROR)
    return _judge_known(message)


def _judge_known(message: BackMsg) -> Verdict:
    kind = message.WhichOneof("type")
    if kind == "rerun_script":
        return _judge_rerun(message.rerun_script)
    if kind == "backend_operation_request":
        return PASS if message.backend_operation_request.WhichOneof("payload") in ALLOWED_OPERATIONS else DROP
    return PASS if kind in ALLOWED else DROP


def _judge_rerun(state: ClientState) -> Verdict:
    names = (state.page_script_hash, state.page_name, state.fragment_id)
    if len(state.query_string) > LONGEST_QUERY or any(len(name) > LONGEST_NAME for name in names):
        return Verdict(close=TOO_BIG)
    return PASS if state.is_auto_rerun else BY_HAND
