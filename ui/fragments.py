"""A press in a dialog that the server does not know (yet): after a restart its page must run before its fragments exist."""

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession

_as_streamlit_does = AppSession.request_rerun


def _request_rerun(session: AppSession, client_state: ClientState | None) -> None:
    """Run the whole page where the fragment is unknown; Streamlit would drop what was pressed and typed in it.

    A press of something that is really gone does nothing in the whole page either. Timers of unknown fragments stay unheard.
    """
    pressed = client_state is not None and client_state.fragment_id and not client_state.is_auto_rerun
    if client_state is not None and pressed and not session.has_fragment(client_state.fragment_id):
        whole = ClientState()
        whole.CopyFrom(client_state)
        whole.fragment_id = ""
        client_state = whole
    _as_streamlit_does(session, client_state)


def heed() -> None:
    """Let no press be lost."""
    AppSession.request_rerun = _request_rerun  # type: ignore[assignment,method-assign]  # Streamlit has no hook before a run
