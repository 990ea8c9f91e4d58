"""A collector of OpenTelemetry made of the official classes: prints each point as a line of JSON.

Arguments: grpc or http. The first line printed is the port.
"""

import gzip
import json
import sys
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as service


def show(request, headers):
    for of_resource in request.resource_metrics:
        resource = {a.key: a.value.string_value for a in of_resource.resource.attributes}
        for scope in of_resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                for point in data.data_points:
                    line = {
                        "name": metric.name,
                        "unit": metric.unit,
                        "kind": kind,
                        "temporality": getattr(data, "aggregation_temporality", 0),
                        "monotonic": getattr(data, "is_monotonic", None),
                        "attributes": {a.key: a.value.string_value for a in point.attributes},
                        "start": point.start_time_unix_nano,
                        "time": point.time_unix_nano,
                        "resource": resource,
                        "token": headers.get("authorization"),
                    }
                    if kind == "exponential_histogram":
                        line |= {
                            "count": point.count,
                            "sum": point.sum,
                            "min": point.min,
                            "max": point.max,
                            "scale": point.scale,
                            "zeros": point.zero_count,
                            "offset": point.positive.offset,
                            "counts": list(point.positive.bucket_counts),
                        }
                    else:
                        line["value"] = getattr(point, point.WhichOneof("value"))
                    print(json.dumps(line), flush=True)


def answer():
    response = service.ExportMetricsServiceResponse()
    response.partial_success.rejected_data_points = 1
    response.partial_success.error_message = "one too many"
    return response


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert self.path == "/v1/metrics", self.path
        assert self.headers["Content-Type"] == "application/x-protobuf"
        headers = {name.lower(): value for name, value in self.headers.items()}
        show(service.ExportMetricsServiceRequest.FromString(body), headers)
        reply = answer().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


def serve_grpc():
    import grpc
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as stubs

    class Metrics(stubs.MetricsServiceServicer):
        def Export(self, request, context):
            show(request, dict(context.invocation_metadata()))
            return answer()

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    stubs.add_MetricsServiceServicer_to_server(Metrics(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if sys.argv[1] == "grpc":
    serve_grpc()
else:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
