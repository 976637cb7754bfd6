"""A Hub on this machine for one repository, and one that never answers."""

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = hashlib.sha1(b"the only commit").hexdigest()


@contextmanager
def serve(name: str, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve `folder` as Hub repository `name`; gives the address and the paths asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, body: bool) -> None:
            path = self.path.split("?")[0]
            asked.append(path)
            files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
            if path == "/":
                self._send(b"a Hub", body)
            elif path == f"/api/models/{name}/revision/main":
                self._send(_json({"id": name, "sha": COMMIT}), body)
            elif path == f"/api/models/{name}/tree/{COMMIT}":
                entries = [
                    {
                        "type": "file",
                        "path": str(file.relative_to(folder)),
                        "size": file.stat().st_size,
                        "oid": _tag(file),
                    }
                    for file in files
                ]
                self._send(_json(entries), body)
            elif path.startswith(f"/{name}/resolve/{COMMIT}/"):
                file = folder / path.removeprefix(f"/{name}/resolve/{COMMIT}/")
                self._send(file.read_bytes(), body, _tag(file))
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "RepoNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()

        def _send(self, content: bytes, body: bool, tag: str = "none") -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{tag}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def silence() -> Iterator[tuple[str, list[str]]]:
    """An address that takes connections and never answers; gives it and the connections made."""
    taken: list[str] = []
    kept: list[socket.socket] = []
    server = socket.create_server(("127.0.0.1", 0))

    def take() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            kept.append(connection)
            taken.append("connection")

    threading.Thread(target=take, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}", taken
    finally:
        server.close()
        for connection in kept:
            connection.close()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _tag(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()
