"""A stock Python client that goes through the scenario of ../scenario.ts and prints what it saw as JSON.

    python client.py RELAY TARGET

RELAY is the relay's gRPC address, TARGET the URL that jobs are sent to.
"""

import datetime
import json
import sys
import time

import grpc
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from fieldpost.v1 import job_pb2, relay_pb2, relay_pb2_grpc

TIMEOUT = 20


def as_json(message):
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def error_of(call):
    """What a failed call says; a call that does not fail is reported as it is."""
    try:
        return {"no_error": as_json(call())}
    except grpc.RpcError as error:
        status = rpc_status.from_call(error)
        seen = {"code": error.code().name, "message": error.details(), "details": []}
        for detail in status.details if status else []:
            name = detail.type_url.rsplit(".", 1)[-1]
            message = getattr(error_details_pb2, name)()
            seen["details"].append({"type": name, "unpacked": detail.Unpack(message), **as_json(message)})
        return seen


def main(relay_address, target):
    report = {}
    with grpc.insecure_channel(relay_address) as channel:
        relay = relay_pb2_grpc.RelayServiceStub(channel)
        health = health_pb2_grpc.HealthStub(channel)

        def job(path, **fields):
            return job_pb2.Job(http=job_pb2.HttpTarget(method="POST", url=target + path), **fields)

        def get(name, *paths):
            mask = FieldMask(paths=paths) if paths else None
            return relay.GetJob(relay_pb2.GetJobRequest(name=name, read_mask=mask), timeout=TIMEOUT)

        def enqueue(request, **options):
            return relay.Enqueue(request, timeout=options.pop("timeout", TIMEOUT), **options)

        def check(service):
            return health.Check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT)

        report["health"] = [as_json(check(name)) for name in ("", "fieldpost.v1.RelayService")]
        report["health_unknown"] = error_of(lambda: check("fieldpost.v1.Nothing"))

        full = job(
            "/full",
            priority=3,
            max_attempts=4,
            attempt_timeout=Duration(seconds=7, nanos=500_000_000),
            labels={"team": "field", "kind": "post"},
        )
        full.http.headers.add(name="content-type", value="application/octet-stream")
        full.http.headers.add(name="x-twice", value="1")
        full.http.headers.add(name="x-twice", value="2")
        full.http.body = bytes(range(256))
        request = relay_pb2.EnqueueRequest(job=full, job_id="full")
        report["enqueued"] = as_json(
            enqueue(request, metadata=(("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),))
        )
        report["duplicate"] = error_of(lambda: enqueue(request))
        report["jaeger"] = as_json(
            enqueue(
                relay_pb2.EnqueueRequest(job=job("/jaeger")),
                metadata=(("uber-trace-id", "1af7651916cd43dd8448eb211c80319c:b7ad6b7169203331:0:1"),),
            )
        )

        while not get("jobs/full", "finish_time").HasField("finish_time"):
            time.sleep(0.02)
        report["whole"] = as_json(get("jobs/full"))
        report["masked"] = as_json(
            get("jobs/full", "state", "http.body", "labels.team", "response.status", "attempts.*.http_status")
        )
        report["bad_mask"] = error_of(lambda: get("jobs/full", "state", "stat"))
        report["not_found"] = error_of(lambda: get("jobs/nothing"))

        schedule_time = Timestamp()
        schedule_time.FromDatetime(datetime.datetime(2999, 12, 31, 23, 59, 59, 250_000, datetime.UTC))
        later = [
            relay_pb2.EnqueueRequest(
                job=job("/later", schedule_time=schedule_time, labels={"index": str(index)}),
                job_id=f"later-{index}",
            )
            for index in range(25)
        ]
        batch = relay.BatchEnqueue(relay_pb2.BatchEnqueueRequest(requests=later), timeout=TIMEOUT)
        report["batch"] = as_json(batch)

        pages, token = [], ""
        while not pages or token:
            page = relay.ListJobs(
                relay_pb2.ListJobsRequest(
                    page_size=10, page_token=token, read_mask=FieldMask(paths=["name", "schedule_time", "labels"])
                ),
                timeout=TIMEOUT,
            )
            pages.append([as_json(one) for one in page.jobs])
            token = page.next_page_token
        report["pages"] = pages

        def cancel(name):
            return relay.CancelJob(relay_pb2.CancelJobRequest(name=name), timeout=TIMEOUT)

        report["cancelled"] = as_json(cancel("jobs/later-0"))
        report["cancelled_again"] = as_json(cancel("jobs/later-0"))
        report["too_late"] = error_of(lambda: cancel("jobs/full"))

        bad = job("/bad", priority=10, labels={"Upper": "x"})
        bad.http.headers.add(name="host", value="x")
        report["invalid"] = error_of(lambda: enqueue(relay_pb2.EnqueueRequest(job=bad, job_id="/")))
        mixed = [relay_pb2.EnqueueRequest(job=job("/mixed")), relay_pb2.EnqueueRequest(job=job_pb2.Job())]
        report["batch_invalid"] = error_of(
            lambda: relay.BatchEnqueue(relay_pb2.BatchEnqueueRequest(requests=mixed), timeout=TIMEOUT)
        )
        many = [relay_pb2.EnqueueRequest(job=job("/many", schedule_time=schedule_time))] * 10
        report["queue_full"] = error_of(
            lambda: relay.BatchEnqueue(relay_pb2.BatchEnqueueRequest(requests=many), timeout=TIMEOUT)
        )

        streamed = [
            relay_pb2.EnqueueRequest(job=job("/streamed", schedule_time=schedule_time), job_id="streamed"),
            relay_pb2.EnqueueRequest(job=job("/streamed", priority=10)),
            relay_pb2.EnqueueRequest(job=job("/streamed"), validate_only=True),
        ]
        numbered = [
            relay_pb2.StreamEnqueueRequest(sequence=sequence, request=one)
            for sequence, one in enumerate(streamed, start=1)
        ]
        answers = list(relay.StreamEnqueue(iter(numbered), timeout=TIMEOUT))
        report["stream"] = {
            "refused": [[one.acked_sequence, one.error.code] for one in answers if one.HasField("error")],
            "last": answers[-1].acked_sequence,
            "stored": as_json(get("jobs/streamed", "state")),
        }

        report["unimplemented"] = error_of(lambda: relay.CountJobs(relay_pb2.CountJobsRequest(), timeout=TIMEOUT))
        report["unimplemented_stream"] = error_of(
            lambda: next(relay.WatchJobs(relay_pb2.WatchJobsRequest(), timeout=TIMEOUT))
        )
        report["deadline"] = error_of(
            lambda: enqueue(relay_pb2.EnqueueRequest(job=job("/deadline")), timeout=0.000001)
        )["code"]
    json.dump(report, sys.stdout, indent=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
