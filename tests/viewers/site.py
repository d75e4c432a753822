"""OHIF's files and the archive behind one address, so that the browser sees one origin."""

import mimetypes
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.viewers.archive import PORT as ARCHIVE_PORT

PORT = 3000
ADDRESS = f"http://127.0.0.1:{PORT}"

SETTINGS = """window.config = {
  routerBasename: '/', showStudyList: true, extensions: [], modes: [], maxNumberOfWebWorkers: 2,
  showLoadingIndicator: true, strictZSpacingForVolumeViewport: true,
  defaultDataSourceName: 'dicomweb',
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'dicomweb',
    configuration: {
      friendlyName: 'Orthanc', name: 'orthanc', wadoUriRoot: location.origin + '/wado',
      qidoRoot: location.origin + '/dicom-web', wadoRoot: location.origin + '/dicom-web',
      qidoSupportsIncludeField: true, imageRendering: 'wadors', thumbnailRendering: 'wadors',
      enableStudyLazyLoad: true, supportsFuzzyMatching: false, supportsWildcard: true,
      omitQuotationForMultipartRequest: true, bulkDataURI: { enabled: true },
    },
  }],
};
"""


@contextmanager
def serving(dist):
    """Serve OHIF from its folder `dist`, passing DICOMweb on to the archive."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            """Say nothing."""

        def do_GET(self):
            path = self.path.partition("?")[0]
            if path.startswith(("/dicom-web", "/wado")):
                self.answer(*self.passed_on())
            elif path == "/app-config.js":
                self.answer(200, "text/javascript", SETTINGS.encode())
            else:
                file = (dist / path.lstrip("/")).resolve()
                if not (file.is_file() and file.is_relative_to(dist.resolve())):
                    file = dist / "index.html"
                kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
                if file.suffix == ".wasm":
                    kind = "application/wasm"
                self.answer(200, kind, file.read_bytes())

        def passed_on(self):
            wanted = {name: self.headers[name] for name in ("Accept", "Host") if self.headers[name]}
            request = urllib.request.Request(
                f"http://127.0.0.1:{ARCHIVE_PORT}{self.path}", headers=wanted
            )
            try:
                with urllib.request.urlopen(request, timeout=240) as answer:
                    return answer.status, answer.headers["Content-Type"], answer.read()
            except urllib.error.HTTPError as error:
                return error.code, "text/plain", error.read()

        def answer(self, status, kind, body):
            self.send_response(status)
            self.send_header("Content-Type", kind or "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield ADDRESS
    finally:
        server.shutdown()
        server.server_close()
