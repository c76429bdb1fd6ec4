"""A receiver of webhooks as other teams write them, with the libraries of the two standards.

Reads one request a line, {"secret", "headers", "body"}, and prints the event's type and order, or
"refused" and the reason.
"""

import json
import sys

from cloudevents.core.formats.json import JSONFormat
from standardwebhooks import Webhook

for line in sys.stdin:
    request = json.loads(line)
    try:
        Webhook(request["secret"]).verify(request["body"], request["headers"])
        event = JSONFormat().read(None, request["body"])
        if event.get_id() != request["headers"]["webhook-id"]:
            raise ValueError("webhook-id is not the event's id")
        event.get_time().isoformat()
        print(event.get_type(), event.get_extension("partitionkey"), event.get_data()["order_id"])
    except Exception as error:  # Whatever the libraries raise.
        print("refused", type(error).__name__, str(error).replace("\n", " "))
