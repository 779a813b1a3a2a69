"""The process's own settings: packets leave at once, threads share the processor, nothing heavy waits for the first click."""

import gc
import socket
import subprocess
import sys

from crm.core import boot
from crm.core.config import ROOT

SCRIPT = """
import gc, sys
from crm.core import boot
boot.prepare(also=["json.tool"])
print(sys.getswitchinterval(), gc.get_freeze_count() > 1000, all(name in sys.modules for name in (*boot.HEAVY, "json.tool")))
"""


def test_a_prepared_process_has_its_settings():
    """In a process of its own: freezing is not undone."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(boot.SWITCH_SECONDS), "True", "True"]


def test_small_packets_are_sent_at_once():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
        boot._no_delay(connection)
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        boot._no_delay(connection)  # knows no such thing, and is left alone
    assert gc.isenabled()
