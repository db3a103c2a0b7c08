"""A server of its own process, over real sockets."""

import socket
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys, time
sys.path.insert(0, {tests!r})
from tellapart.deploy.runtime import Model
from tellapart.deploy.server import ServerSettings, make_app
from tellapart.deploy.serving import running

class Slow(Model):
    def answer_pixels(self, pictures, **how):
        time.sleep({seconds})
        return super().answer_pixels(pictures, **how)

running.HEADER_SECONDS = running.KEEP_ALIVE_SECONDS = 1.0
running.MOST_CONNECTIONS = 20
model = Slow(open({file!r}, "rb").read(), "slow.onnx")
listener = running.open_socket("127.0.0.1", 0)
app = make_app(model, ServerSettings(workers=1, body_seconds=1.0))
running.run_server(app, listener, lambda: print(listener.getsockname()[1], flush=True))
print("ended", flush=True)
"""


class Running:
    """A server in a process, and where it listens."""

    def __init__(self, file: Path, seconds: float) -> None:
        tests = str(Path(__file__).parent)
        script = SCRIPT.format(tests=tests, file=str(file), seconds=seconds)
        self.process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        self.address = f"http://127.0.0.1:{self.port}"

    def raw(self, sent: bytes, wait: float = 10) -> bytes:
        """Send bytes and read until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as connection:
            connection.sendall(sent)
            found = b""
            while chunk := connection.recv(65536):
                found += chunk
            return found

    def end(self) -> str:
        """Wait for it to end by itself."""
        told, _ = self.process.communicate(timeout=60)
        return told

    def close(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.communicate()
