"""Calls each method of the drop-in against a server, and prints what came of it as JSON."""

import json
import os
import sys

sys.path.insert(0, os.environ["EXAMPLE"])
from xinyi_memory import ConversationMemory, XinyiError  # noqa: E402

url, service, supervisor = os.environ["XINYI_URL"], os.environ["SERVICE_TOKEN"], os.environ["SUPERVISOR_TOKEN"]
memory = ConversationMemory(url, service)
said = {}


def refusal(act):
    try:
        return act()
    except XinyiError as error:
        return error.code


said["before"] = [memory.get_recent_context("李 四/1"), memory.get_profile_summary("李 四/1"), memory.get_user_stats("李 四/1")]
said["first"] = memory.add_conversation("李 四/1", "最近压力很大，失眠", "我在听。", risk_level="medium", emotion_score=float("nan"))
said["second"] = memory.add_conversation("李 四/1", "今天好一点", "那很好。", references_count=2)
said["unnamed"] = [memory.add_conversation(user_id, "q", "r")["user_id"] for user_id in ("anonymous", "", None)]
said["context"] = memory.get_recent_context("李 四/1")
said["one"] = memory.get_recent_context("李 四/1", max_turns=1)
said["turns"] = memory.get_recent_conversations("李 四/1")
said["summary"] = memory.get_profile_summary("李 四/1")
said["stats"] = memory.get_user_stats("李 四/1")
said["backend"] = memory.get_backend()
said["refused"] = [
    refusal(lambda: memory.add_conversation("u", "", "r")),
    refusal(lambda: memory.clear_history("李 四/1")),
    refusal(lambda: ConversationMemory(url, "none").get_user_stats("u")),
    refusal(lambda: ConversationMemory("http://127.0.0.1:1", service, attempts=1).get_recent_context("u")),
]
said["cleared"] = ConversationMemory(url, supervisor).clear_history("李 四/1")
said["after"] = [memory.get_recent_context("李 四/1"), memory.get_user_stats("李 四/1")["total_chats"]]
print(json.dumps(said))
