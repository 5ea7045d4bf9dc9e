#include "countersign/agents/trial.hpp"

#include <fmt/core.h>

#include "countersign/agents/install.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::agents {
namespace {

using core::Value;

// What every hook of ours says of a call that may not run.
constexpr std::string_view hook_says = "NOT RUN";
constexpr std::size_t told_bytes_max = 400;

Value list(std::vector<Value> items) {
    Value list = Value::array();
    for (Value& each : items) list.push(std::move(each));
    return list;
}

// The first text within a value that a hook of ours wrote.
std::optional<std::string> words_of_hook(const Value& value) {
    if (const auto* text = value.string()) {
        auto at = text->find(hook_says);
        if (at == std::string::npos) return std::nullopt;
        return std::string{trim(clip_utf8(std::string_view{*text}.substr(at), told_bytes_max))};
    }
    if (const auto* items = value.items())
        for (const Value& each : *items)
            if (auto found = words_of_hook(each)) return found;
    if (const auto* members = value.members())
        for (const auto& [name, each] : *members)
            if (auto found = words_of_hook(each)) return found;
    return std::nullopt;
}

bool holds(const Value& value, std::string_view text) {
    return core::canonical(value).find(text) != std::string::npos;
}

struct Tool {
    std::string name;
    Value input;
};

Tool shell_of(Host host, const std::string& command) {
    const char* what = "countersign agents doctor: a call that is not meant to run";
    switch (host) {
        case Host::claude_code:
            return {"Bash", Value::object({{"command", command}, {"description", what}})};
        case Host::codex:
            return {"exec_command", Value::object({{"cmd", command}})};
        case Host::gemini_cli:
            return {"run_shell_command", Value::object({{"command", command}, {"description", what}})};
        default:
            return {"bash", Value::object({{"command", command}, {"description", what}})};
    }
}

// One answer, whole and as the events of a stream.
struct Spoken {
    Value whole;
    std::vector<Value> events;
    bool asks = false;
    bool ends_with_done = false;  // "data: [DONE]"
};

Spoken anthropic(const Value& body, const Tool& tool, std::size_t number) {
    Spoken spoken;
    const auto* tools = body["tools"].items();
    spoken.asks = tools != nullptr && !tools->empty() && !holds(body["messages"], "\"tool_result\"");
    auto id = fmt::format("toolu_{}", number);
    Value usage = Value::object({{"input_tokens", 1}, {"output_tokens", 1}});
    Value whole =
        spoken.asks
            ? Value::object({{"type", "tool_use"}, {"id", id}, {"name", tool.name}, {"input", tool.input}})
            : Value::object({{"type", "text"}, {"text", "DONE"}});
    Value begun = whole;
    begun.set(spoken.asks ? "input" : "text", spoken.asks ? Value::object() : Value{""});
    Value delta =
        spoken.asks
            ? Value::object({{"type", "input_json_delta"}, {"partial_json", core::canonical(tool.input)}})
            : Value::object({{"type", "text_delta"}, {"text", "DONE"}});
    const char* why = spoken.asks ? "tool_use" : "end_turn";
    Value message = Value::object({{"id", fmt::format("msg_{}", number)},
                                   {"type", "message"},
                                   {"role", "assistant"},
                                   {"model", body["model"]},
                                   {"content", Value::array()},
                                   {"stop_reason", nullptr},
                                   {"stop_sequence", nullptr},
                                   {"usage", usage}});
    spoken.whole = message;
    spoken.whole.set("content", list({whole})).set("stop_reason", why);
    spoken.events = {
        Value::object({{"type", "message_start"}, {"message", message}}),
        Value::object({{"type", "content_block_start"}, {"index", 0}, {"content_block", begun}}),
        Value::object({{"type", "content_block_delta"}, {"index", 0}, {"delta", delta}}),
        Value::object({{"type", "content_block_stop"}, {"index", 0}}),
        Value::object({{"type", "message_delta"},
                       {"delta", Value::object({{"stop_reason", why}, {"stop_sequence", nullptr}})},
                       {"usage", usage}}),
        Value::object({{"type", "message_stop"}})};
    return spoken;
}

Spoken responses(const Value& body, const Tool& tool, std::size_t number) {
    Spoken spoken;
    spoken.asks = !holds(body["input"], "_call_output");
    Value text = Value::object({{"type", "output_text"}, {"text", "DONE"}, {"annotations", Value::array()}});
    Value item = spoken.asks ? Value::object({{"type", "function_call"},
                                              {"id", fmt::format("fc{}", number)},
                                              {"call_id", fmt::format("call_{}", number)},
                                              {"name", tool.name},
                                              {"arguments", core::canonical(tool.input)},
                                              {"status", "completed"}})
                             : Value::object({{"type", "message"},
                                              {"id", fmt::format("m{}", number)},
                                              {"role", "assistant"},
                                              {"status", "completed"},
                                              {"content", list({text})}});
    Value begun = Value::object({{"id", fmt::format("resp_{}", number)},
                                 {"object", "response"},
                                 {"status", "in_progress"},
                                 {"model", body["model"]},
                                 {"output", Value::array()}});
    spoken.whole = begun;
    spoken.whole.set("status", "completed")
        .set("output", list({item}))
        .set("usage", Value::object({{"input_tokens", 1},
                                     {"input_tokens_details", Value::object({{"cached_tokens", 0}})},
                                     {"output_tokens", 1},
                                     {"output_tokens_details", Value::object({{"reasoning_tokens", 0}})},
                                     {"total_tokens", 2}}));
    auto added = [&](const char* type) {
        return Value::object({{"type", type}, {"output_index", 0}, {"item", item}});
    };
    spoken.events = {Value::object({{"type", "response.created"}, {"response", begun}}),
                     added("response.output_item.added"), added("response.output_item.done"),
                     Value::object({{"type", "response.completed"}, {"response", spoken.whole}})};
    return spoken;
}

Spoken gemini(const Value& body, const Tool& tool, std::size_t) {
    Spoken spoken;
    spoken.asks =
        holds(body["tools"], "\"functionDeclarations\"") && !holds(body["contents"], "\"functionResponse\"");
    Value call =
        Value::object({{"functionCall", Value::object({{"name", tool.name}, {"args", tool.input}})}});
    Value part = spoken.asks ? std::move(call) : Value::object({{"text", "DONE"}});
    Value content = Value::object({{"role", "model"}, {"parts", list({part})}});
    spoken.whole = Value::object(
        {{"candidates",
          list({Value::object({{"content", content}, {"finishReason", "STOP"}, {"index", 0}})})},
         {"usageMetadata",
          Value::object({{"promptTokenCount", 1}, {"candidatesTokenCount", 1}, {"totalTokenCount", 2}})},
         {"modelVersion", "trial"}});
    spoken.events = {spoken.whole};
    return spoken;
}

Spoken chat(const Value& body, const Tool& tool, std::size_t number) {
    Spoken spoken;
    spoken.asks = !holds(body["messages"], "\"role\":\"tool\"");
    Value function = Value::object({{"name", tool.name}, {"arguments", core::canonical(tool.input)}});
    Value call = Value::object({{"index", 0},
                                {"id", fmt::format("call_{}", number)},
                                {"type", "function"},
                                {"function", std::move(function)}});
    Value message =
        Value::object({{"role", "assistant"}, {"content", spoken.asks ? Value{} : Value{"DONE"}}});
    if (spoken.asks) message.set("tool_calls", list({call}));
    Value base =
        Value::object({{"id", fmt::format("c{}", number)}, {"created", 1}, {"model", body["model"]}});
    Value usage = Value::object({{"prompt_tokens", 1}, {"completion_tokens", 1}, {"total_tokens", 2}});
    const char* why = spoken.asks ? "tool_calls" : "stop";
    auto choice = [](const char* part, Value what, Value reason) {
        return list(
            {Value::object({{"index", 0}, {part, std::move(what)}, {"finish_reason", std::move(reason)}})});
    };
    spoken.whole = base;
    spoken.whole.set("object", "chat.completion")
        .set("choices", choice("message", message, why))
        .set("usage", usage);
    Value chunk = base;
    chunk.set("object", "chat.completion.chunk");
    Value last = chunk;
    chunk.set("choices", choice("delta", message, nullptr));
    last.set("choices", choice("delta", Value::object(), why)).set("usage", usage);
    spoken.events = {std::move(chunk), std::move(last)};
    spoken.ends_with_done = true;
    return spoken;
}

using Speak = Spoken (*)(const Value&, const Tool&, std::size_t);

Speak dialect_of(std::string_view target) {
    auto names = [&](std::string_view what) { return target.find(what) != std::string_view::npos; };
    if (names("count_tokens")) return nullptr;
    if (names("/messages")) return anthropic;
    if (names("/responses")) return responses;
    if (names("enerateContent")) return gemini;
    return names("/chat/completions") ? chat : nullptr;
}

std::string stream_of(const Spoken& spoken) {
    std::string text;
    for (const Value& event : spoken.events) {
        if (!event["type"].is_null()) text += fmt::format("event: {}\n", event["type"].text());
        text += fmt::format("data: {}\n\n", core::canonical(event));
    }
    return spoken.ends_with_done ? text + "data: [DONE]\n\n" : text;
}

}  // namespace

ModelAnswer TrialModel::answer(std::string_view target, const Value& body) {
    ModelAnswer answer;
    answer.told = words_of_hook(body);
    auto speak = dialect_of(target);
    if (speak == nullptr) {
        answer.body = R"({"input_tokens":1,"data":[],"models":[]})";
        return answer;
    }
    auto spoken = speak(body, shell_of(host_, command_), ++answers_);
    answer.asks = spoken.asks;
    const bool streams = body["stream"].truth() || target.find("stream") != std::string_view::npos;
    answer.type = streams ? "text/event-stream" : "application/json";
    answer.body = streams ? stream_of(spoken) : core::canonical(spoken.whole);
    return answer;
}

// ---- how each is started

namespace {

constexpr const char* prompt = "go";

Trial claude_trial(const TrialGround& ground) {
    return {.arguments = {"-p", prompt, "--model", "claude-sonnet-4-5", "--output-format", "json",
                          "--allowedTools", "Bash"},
            .environment = {{"ANTHROPIC_BASE_URL", ground.model_url},
                            {"ANTHROPIC_API_KEY", "none"},
                            {"DISABLE_TELEMETRY", "1"},
                            {"DISABLE_ERROR_REPORTING", "1"},
                            {"DISABLE_AUTOUPDATER", "1"},
                            {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"}},
            .files = {}};
}

Trial codex_trial(const TrialGround& ground) {
    auto config = fmt::format(
        "model = \"trial\"\nmodel_provider = \"trial\"\n[model_providers.trial]\nname = \"trial\"\nbase_url "
        "= "
        "\"{}/v1\"\nwire_api = \"responses\"\nrequires_openai_auth = false\nrequest_max_retries = "
        "0\nstream_max_retries = 0\n",
        ground.model_url);
    return {.arguments = {"exec", "--skip-git-repo-check", "-C", ground.work,
                          "--dangerously-bypass-approvals-and-sandbox", prompt},
            .environment = {{"CODEX_HOME", ground.home + "/.codex"}},
            .files = {{".codex/config.toml", std::move(config)}}};
}

Result<Trial> gemini_trial(const TrialGround& ground) {
    Value settings = Value::object();
    if (!ground.own_settings.empty()) {
        auto own = wire::parse_json(ground.own_settings, {.bytes_max = model_body_bytes_max});
        if (!own) return pass(own);
        settings = std::move(*own);
    }
    settings.set("security", Value::object({{"auth", Value::object({{"selectedType", "gemini-api-key"}})},
                                            {"folderTrust", Value::object({{"enabled", false}})}}));
    return Trial{.arguments = {"-m", "gemini-2.5-pro", "--yolo", "--skip-trust", "-p", prompt},
                 .environment = {{"GEMINI_API_KEY", "none"},
                                 {"GOOGLE_GEMINI_BASE_URL", ground.model_url},
                                 {"GEMINI_CLI_NO_RELAUNCH", "true"}},
                 .files = {{".gemini/settings.json", core::canonical(settings)}}};
}

Trial copilot_trial(const TrialGround& ground) {
    return {.arguments = {"-p", prompt, "--allow-all-tools"},
            .environment = {{"COPILOT_OFFLINE", "true"},
                            {"COPILOT_PROVIDER_BASE_URL", ground.model_url + "/v1"},
                            {"COPILOT_MODEL", "trial"}},
            .files = {}};
}

}  // namespace

Result<std::optional<Trial>> trial_of(Host host, const TrialGround& ground) {
    Result<Trial> trial;
    switch (host) {
        case Host::claude_code:
            trial = claude_trial(ground);
            break;
        case Host::codex:
            trial = codex_trial(ground);
            break;
        case Host::gemini_cli:
            trial = gemini_trial(ground);
            break;
        case Host::copilot_cli:
            trial = copilot_trial(ground);
            break;
        case Host::cursor:
        case Host::windsurf:
        case Host::vscode:
            return std::optional<Trial>{};
    }
    if (!trial) return pass(trial);
    if (!ground.own_settings.empty() && host != Host::gemini_cli)
        trial->files.emplace_back(user_file(host), ground.own_settings);
    return std::optional{std::move(*trial)};
}

}  // namespace countersign::agents
