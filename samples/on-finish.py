#!/usr/bin/env python3
"""Posts the result of a run to a chat: run LIST --on-finish 'python3 on-finish.py SERVICE'

SERVICE is dingtalk, feishu or slack. WEBHOOK_URL is the address of the chat's bot, and
WEBHOOK_SECRET its signing secret (DingTalk and Feishu), if it has one. Needs Python 3.8 or later.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.parse
import urllib.request


def text_of(summary):
    """The message: one line, and one more for each reason of an early stop."""
    rows = summary["rows"]
    gone = rows["revoked"] + rows["already_absent"]
    total = sum(rows.values())
    others = [f"{count} {status}" for status, count in rows.items() if count and status not in ("revoked", "already_absent")]
    what = "rehearsal" if summary["rehearsal"] else "run"
    line = f"bastion-revoke: {what} {summary['state']}, exit code {summary['exit_code']}: "
    line += f"{gone} of {total} rows revoked or already absent"
    if others:
        line += "; " + ", ".join(others)
    if summary["carried_not_revoked"]:
        line += f"; {summary['carried_not_revoked']} carried rows are not revoked"
    return "\n".join([f"{line}. Outcome: {summary['outcome']}"] + summary["causes"])


def sign(key, message):
    return base64.b64encode(hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()).decode()


def dingtalk(url, secret, text):
    if secret:
        now = str(round(time.time() * 1000))
        query = urllib.parse.urlencode({"timestamp": now, "sign": sign(secret, f"{now}\n{secret}")})
        url += ("&" if "?" in url else "?") + query
    return url, {"msgtype": "text", "text": {"content": text}}


def feishu(url, secret, text):
    body = {"msg_type": "text", "content": {"text": text}}
    if secret:
        now = str(round(time.time()))
        body.update(timestamp=now, sign=sign(f"{now}\n{secret}", ""))
    return url, body


def slack(url, _secret, text):
    return url, {"text": text}


def main():
    services = {"dingtalk": dingtalk, "feishu": feishu, "slack": slack}
    if len(sys.argv) != 2 or sys.argv[1] not in services:
        sys.exit(f"usage: on-finish.py {'|'.join(services)}")
    text = text_of(json.load(sys.stdin))
    url, secret = os.environ["WEBHOOK_URL"], os.environ.get("WEBHOOK_SECRET", "")
    url, body = services[sys.argv[1]](url, secret, text)
    headers = {"Content-Type": "application/json; charset=utf-8"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        answer = response.read().decode()
    # DingTalk and Feishu answer 200 even if they refuse the message. Slack answers `ok`.
    code = 0
    if answer.lstrip().startswith("{"):
        answered = json.loads(answer)
        code = answered.get("errcode", answered.get("code", 0))
    if code:
        sys.exit(f"the chat refused the message: {answer}")


if __name__ == "__main__":
    main()
