"""An HTTP server with a forked member per request; it ends with status 0 when it is told to."""
import http.server
import os
import signal
import socketserver
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/pid":
            body = f"{os.getpid()} {os.getppid()}\n".encode()
        elif self.path == "/big":
            body = bytes(range(256)) * 4096
        else:
            self.send_error(404)
            return
        self.answer(body)

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["Content-Length"])).upper())

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_):
        pass


class Server(socketserver.ForkingMixIn, http.server.HTTPServer):
    max_children = 20
    request_queue_size = 64


def stop(*_):
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
with Server(("", int(sys.argv[1])), Handler) as server:
    server.serve_forever()
