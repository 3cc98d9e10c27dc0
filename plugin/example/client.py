"""Asks the example server for parts of a user, and changes parts of it.

python -m grpc_tools.protoc -I proto -I ../proto --python_out=. --grpc_python_out=. proto/user_info.proto fieldmask/option.proto
python client.py 127.0.0.1:50051
"""

import sys

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

import user_info_pb2
import user_info_pb2_grpc


def show(title, user):
    print(f"{title}: {str(user).replace(chr(10), ' ').strip()}")


def main(address):
    with grpc.insecure_channel(address) as channel:
        users = user_info_pb2_grpc.UserInfoStub(channel)

        def get(*paths):
            mask = FieldMask(paths=paths) if paths else None
            return users.GetUserInfo(user_info_pb2.UserInfoRequest(user_id="ada", field_mask=mask))

        def update(*paths, **fields):
            mask = FieldMask(paths=paths) if paths else None
            users.UpdateUserInfo(user_info_pb2.UserInfoRequest(user_id="ada", field_mask=mask, **fields))

        show("name only", get("name"))
        show("part of the address", get("user_id", "address.country"))

        update("email", name="not named, not changed", email="countess@example.com")
        show("a new email", get("name", "email"))

        update("email")
        show("no email", get("name", "email"))

        update("address.province", address=user_info_pb2.Address(country="not named", province="Somerset"))
        show("a new province", get("address"))

        update(name="Ada Lovelace")
        show("without a mask, what is set", get())

        for wrong in ("Name", "address.zip"):
            try:
                get(wrong)
            except grpc.RpcError as error:
                print(f"{error.code().name}: {error.details()}")


main(sys.argv[1])
