"""A model for coding agents on the loopback, in the four dialects that they speak to models: it asks for one call of a tool,
and says DONE once it is told what became of it."""
import http.server
import json
import threading


def anthropic(body, tool, number):
    asks = bool(body.get("tools")) and '"tool_result"' not in json.dumps(body.get("messages"), separators=(",", ":"))
    block = {"type": "tool_use", "id": f"toolu_{number}", "name": tool["name"], "input": {}} if asks else {"type": "text", "text": ""}
    delta = {"type": "input_json_delta", "partial_json": json.dumps(tool["input"])} if asks else {"type": "text_delta", "text": "DONE"}
    why = "tool_use" if asks else "end_turn"
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": body.get("model"), "content": [],
               "stop_reason": None, "stop_sequence": None, "usage": usage}
    whole = {**block, "input": tool["input"]} if asks else {"type": "text", "text": "DONE"}
    return {**message, "content": [whole], "stop_reason": why}, [
        {"type": "message_start", "message": message}, {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta}, {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": why, "stop_sequence": None}, "usage": usage}, {"type": "message_stop"}]


def responses(body, tool, number):
    if "_call_output" in json.dumps(body.get("input")):
        item = {"type": "message", "id": f"m{number}", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "DONE", "annotations": []}]}
    else:
        item = {"type": "function_call", "id": f"fc{number}", "call_id": f"call_{number}", "name": tool["name"],
                "arguments": json.dumps(tool["input"]), "status": "completed"}
    response = {"id": f"resp_{number}", "object": "response", "status": "in_progress", "model": body.get("model"), "output": []}
    usage = {"input_tokens": 1, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 1,
             "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 2}
    ended = {**response, "status": "completed", "output": [item], "usage": usage}
    return ended, [{"type": "response.created", "response": response},
                   {"type": "response.output_item.added", "output_index": 0, "item": item},
                   {"type": "response.output_item.done", "output_index": 0, "item": item},
                   {"type": "response.completed", "response": ended}]


def gemini(body, tool, number):
    asks = "functionDeclarations" in json.dumps(body.get("tools") or []) and "functionResponse" not in json.dumps(body.get("contents") or [])
    part = {"functionCall": {"name": tool["name"], "args": tool["input"]}} if asks else {"text": "DONE"}
    answer = {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
              "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}, "modelVersion": "x"}
    return answer, [answer]


def chat(body, tool, number):
    done = any(message.get("role") == "tool" for message in body.get("messages", []))
    call = {"index": 0, "id": f"call_{number}", "type": "function", "function": {"name": tool["name"], "arguments": json.dumps(tool["input"])}}
    message = {"role": "assistant", "content": "DONE"} if done else {"role": "assistant", "content": None, "tool_calls": [call]}
    why = "stop" if done else "tool_calls"
    base = {"id": f"c{number}", "created": 1, "model": body.get("model")}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    whole = {**base, "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": why}], "usage": usage}
    chunk = {**base, "object": "chat.completion.chunk"}
    return whole, [{**chunk, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
                   {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": why}], "usage": usage}]


class Model:
    """`tool`: {"name": …, "input": …}, the call that is asked for. `bodies`: what was asked of it."""

    def __init__(self, tool):
        self.tool, self.bodies = tool, []
        model = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, text, kind):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self):
                self.answer(b'{"data":[],"models":[]}', "application/json")

            def do_POST(self):
                text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                body = json.loads(text or "{}")
                model.bodies.append(body)
                dialect = next((speak for words, speak in (("/messages", anthropic), ("/responses", responses),
                                                           ("enerateContent", gemini), ("/chat/completions", chat))
                                if words in self.path), None)
                if dialect is None or "count_tokens" in self.path:
                    self.answer(b'{"input_tokens":1,"data":[]}', "application/json")
                    return
                whole, events = dialect(body, model.tool, len(model.bodies))
                streams = body.get("stream") or "stream" in self.path
                if not streams:
                    self.answer(json.dumps(whole).encode(), "application/json")
                    return
                blocks = [(f"event: {event['type']}\n" if "type" in event else "") + f"data: {json.dumps(event)}\n\n" for event in events]
                end = "data: [DONE]\n\n" if dialect is chat else ""
                self.answer(("".join(blocks) + end).encode(), "text/event-stream")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
