"""What a stock client, which has no protos, learns of a server by reflection (v1alpha, as grpcio-reflection has it), as JSON.

python reflection.py RELAY
"""

import json
import sys

import grpc
from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

# In no request or answer, but in the details of errors.
DETAILS = ("google.rpc.BadRequest", "google.rpc.ErrorInfo", "google.rpc.RetryInfo")
OPTIONS = ("fieldmask.option.Option", "google.api.field_behavior", "google.api.http")


def messages_from(roots):
    """Each message that can be reached, by full name."""
    found, left = {}, list(roots)
    while left:
        message = left.pop()
        if message.full_name not in found:
            found[message.full_name] = [field.name for field in message.fields]
            left += [field.message_type for field in message.fields if field.message_type]
    return found


with grpc.insecure_channel(sys.argv[1]) as channel:
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(database)
    services = [pool.FindServiceByName(name) for name in database.get_services()]
    methods = [method for service in services for method in service.methods]
    roots = [kind for method in methods for kind in (method.input_type, method.output_type)]
    roots += [pool.FindMessageTypeByName(name) for name in DETAILS]

    def http_of(method):
        options = MethodOptions.FromString(method.GetOptions().SerializeToString())
        rule = options.Extensions[annotations_pb2.http]
        return getattr(rule, rule.WhichOneof("pattern")) if rule.WhichOneof("pattern") else None

    options = [pool.FindExtensionByName(name) for name in OPTIONS]
    extended = sorted({option.containing_type.full_name for option in options})
    json.dump(
        {
            "services": [service.full_name for service in services],
            "methods": {
                method.full_name: [method.input_type.full_name, method.output_type.full_name, http_of(method)]
                for method in methods
            },
            "messages": messages_from(roots),
            "options": {option.full_name: [option.file.name, option.number] for option in options},
            "numbers": {name: sorted(database.FindAllExtensionNumbers(name)) for name in extended},
        },
        sys.stdout,
        indent=2,
    )
