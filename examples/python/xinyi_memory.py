"""The predecessor's memory module, answered by Xinyi. Standard library only; Python 3.9 or newer.

What the methods do, their defaults and the shapes of what they return are the predecessor's, as far as its data and its HTTP routes
show them. Their names are a guess from that: where your code calls them otherwise, add a line such as `save_turn = add_conversation`.

    memory = ConversationMemory("http://localhost:8001", token)
    memory.add_conversation("u1", query, response, risk_level="medium")
    prompt = memory.get_recent_context("u1")

A token of role SERVICE may do all of it but `clear_history`, which needs SUPERVISOR.
"""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid


class XinyiError(Exception):
    """What Xinyi refused or could not do; `code` as its API documents it (BAD_USER_INPUT, FORBIDDEN, STORE_UNAVAILABLE, ...)."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


class ConversationMemory:
    # What may succeed the next time. Trying again records nothing twice.
    _PASSING = ("STORE_UNAVAILABLE", "RATE_LIMITED")

    def __init__(self, url="http://localhost:8001", token="", timeout_seconds=10, attempts=3):
        self._url = url.rstrip("/")
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._attempts = attempts

    def add_conversation(self, user_id, query, response, risk_level="low", emotion_score=0.0, references_count=0):
        """Records a turn. Answers under which user: an empty id or `anonymous` becomes a fresh one, and nobody's context is shared."""
        recorded = self._graphql(
            """mutation ($input: RecordConversationInput!) {
              recordConversation(input: $input) { conversation { id } user { userId } alert { id } duplicate durability }
            }""",
            {
                "input": {
                    "userId": user_id or "",
                    "query": query,
                    "response": response,
                    "riskLevel": _risk(risk_level),
                    "emotionScore": _finite(emotion_score),
                    "references": references_count,
                    "idempotencyKey": str(uuid.uuid4()),
                }
            },
        )["recordConversation"]
        return {"user_id": recorded["user"]["userId"], "alert": recorded["alert"] is not None, "durability": recorded["durability"]}

    def get_recent_context(self, user_id, max_turns=3):
        """Text for the next prompt, oldest turn first; empty where there is none."""
        user = self._user(user_id, "context(maxTurns: $maxTurns) { text }", {"maxTurns": max_turns}, "$maxTurns: Int")
        return user["context"]["text"] if user else ""

    def get_recent_conversations(self, user_id, limit=5):
        """The same turns one by one, newest first. Their scores and references are not a back end's to read."""
        user = self._user(
            user_id,
            "context(maxTurns: $maxTurns) { conversations { occurredAt query response riskLevel } }",
            {"maxTurns": limit},
            "$maxTurns: Int",
        )
        turns = user["context"]["conversations"] if user else []
        newest_first = sorted(turns, key=lambda turn: turn["occurredAt"], reverse=True)
        return [
            {"timestamp": turn["occurredAt"], "query": turn["query"], "response": turn["response"], "risk_level": turn["riskLevel"].lower()}
            for turn in newest_first
        ]

    def get_profile_summary(self, user_id):
        user = self._user(user_id, "summary")
        return user["summary"] if user else "新用户，暂无历史记录。"

    def get_user_stats(self, user_id):
        """What `GET /api/memory/{id}` has under `data`; None where nobody knows the user. Asking creates nobody."""
        try:
            return self._request("/api/memory/" + urllib.parse.quote(user_id, safe=""))["data"]
        except XinyiError as error:
            if error.code == "NOT_FOUND":
                return None
            raise

    def get_backend(self):
        """`{"current_backend": "Redis" or "SQLite", ...}`: which store answers now."""
        return self._request("/api/memory/backend")

    def clear_history(self, user_id):
        """Removes what was said; counters stay. Answers how many turns went."""
        cleared = self._graphql(
            "mutation ($userId: String!) { clearHistory(userId: $userId) { removedConversations } }", {"userId": user_id}
        )
        return cleared["clearHistory"]["removedConversations"]

    def _user(self, user_id, fields, variables=None, declared=""):
        query = "query ($userId: String!, %s) { user(userId: $userId) { %s } }" % (declared, fields)
        return self._graphql(query, {"userId": user_id, **(variables or {})})["user"]

    def _graphql(self, query, variables):
        body = {"query": query, "variables": variables}
        for attempt in range(self._attempts):
            last = attempt == self._attempts - 1
            try:
                answer = self._request("/graphql", body)
                if not answer.get("errors"):
                    return answer["data"]
                error = _error(answer)
            except XinyiError as failed:
                error = failed
            if last or error.code not in self._PASSING:
                raise error
            time.sleep(0.2 * 2**attempt)

    def _request(self, path, body=None):
        headers = {"authorization": "Bearer " + self._token, "content-type": "application/json", "accept": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_seconds) as response:
                return json.load(response)
        except urllib.error.HTTPError as refused:
            try:
                answer = json.load(refused)
            except ValueError:
                answer = {}
            raise _error(answer) from None
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            raise XinyiError("Xinyi does not answer.", "STORE_UNAVAILABLE") from None


def _error(answer):
    first = (answer.get("errors") or [{}])[0]
    code = first.get("extensions", {}).get("code", "INTERNAL_SERVER_ERROR")
    return XinyiError(first.get("message", "Xinyi refused the request."), code)


def _risk(level):
    known = str(level).strip().upper()
    return known if known in ("LOW", "MEDIUM", "HIGH", "IMMINENT") else "UNKNOWN"


def _finite(score):
    """NaN, Infinity and None are no score."""
    is_number = isinstance(score, (int, float)) and score == score and abs(score) != float("inf")
    return score if is_number else None
