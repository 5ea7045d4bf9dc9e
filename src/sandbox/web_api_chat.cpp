#include <fmt/format.h>

#include <algorithm>

#include "countersign/base/text.hpp"
#include "sandbox/json.hpp"
#include "sandbox/web_api.hpp"

// This file serves chat.*, reactions.*, conversations.history and .replies, and what response_urls do.
namespace countersign::sandbox {
namespace {

constexpr std::size_t post_text_units_max = 40'000;
constexpr std::size_t update_text_units_max = 4'000;
constexpr std::size_t metadata_bytes_max = 8'000;
constexpr std::size_t attachments_max = 100;

bool own(const Value& message) {
    return message["bot_id"].text() == bot_id;
}

std::string_view metadata_problem(const Value& metadata) {
    if (metadata.is_null()) return {};
    if (!metadata.members()) return "invalid_metadata_format";
    if (metadata.members()->empty()) return {};
    if (!metadata["event_type"].string() || metadata["event_type"].text().empty())
        return "invalid_metadata_schema";
    if (!metadata["event_payload"].members()) return "invalid_metadata_schema";
    if (core::canonical(metadata).size() > metadata_bytes_max) return "metadata_too_large";
    return {};
}

Value without_payload(Value message) {
    if (message["metadata"].members())
        message.set("metadata", Value::object({{"event_type", message["metadata"]["event_type"]}}));
    return message;
}

}  // namespace

std::optional<Answer> WebApi::refuse_content(const Args& args, bool updating) const {
    const Value& blocks = args["blocks"];
    if (blocks.string()) return no("invalid_blocks_format");
    if (!blocks.is_null()) {
        auto complaints = check_blocks(blocks, Surface::message);
        if (!complaints.empty()) return no_with("invalid_blocks", complaints);
        if (text_units(blocks) > message_text_units_max) return no("msg_blocks_too_long");
    }
    const auto* attachments = args["attachments"].items();
    if (attachments && attachments->size() > attachments_max) return no("too_many_attachments");
    if (!args["markdown_text"].is_null() && (!args["text"].is_null() || !blocks.is_null()))
        return no("markdown_text_conflict");
    const bool has_blocks = blocks.items() && !blocks.items()->empty();
    const bool has_text = !args["text"].text().empty() || !args["markdown_text"].text().empty();
    if (!updating && !has_blocks && !has_text && !attachments) return no("no_text");
    if (updating && utf16_units(args["text"].text()) > update_text_units_max) return no("msg_too_long");
    if (auto problem = metadata_problem(args["metadata"]); !problem.empty()) return no(problem);
    return std::nullopt;
}

Value WebApi::message_from(const Args& args, std::string_view ts) {
    std::string_view text = args["text"].text();
    if (text.empty()) text = args["markdown_text"].text();
    if (utf16_units(text) > post_text_units_max) text = clip_utf8(text, post_text_units_max);
    Value message = Value::object({{"type", "message"},
                                   {"user", bot_user},
                                   {"bot_id", bot_id},
                                   {"app_id", app_id},
                                   {"team", team_id},
                                   {"ts", ts},
                                   {"text", escape_text(text)}});
    if (args["blocks"].items() && !args["blocks"].items()->empty()) {
        Value blocks = args["blocks"];
        name_blocks(blocks, [this] { return workspace_.word(5); });
        message.set("blocks", std::move(blocks));
    }
    if (args["metadata"].members() && !args["metadata"].members()->empty())
        message.set("metadata", args["metadata"]);
    return message;
}

Answer WebApi::post_message(const Args& args) {
    Channel* channel = workspace_.find_channel(args["channel"].text());
    if (!channel) return no("channel_not_found");
    if (!channel->has(bot_user)) return no(channel->is_private ? "channel_not_found" : "not_in_channel");
    if (channel->archived) return no("is_archived");
    if (auto refused = refuse_content(args, false)) return std::move(*refused);
    std::string thread{args["thread_ts"].text()};
    const Value* root = nullptr;
    if (!thread.empty()) {
        root = workspace_.find_message(channel->id, thread);
        if (!root) return no("thread_not_found");
    }
    if (auto wait = limits.take_message(channel->id, workspace_.now())) {
        Answer answer = no("ratelimited");
        answer.retry_after_s = *wait;
        return answer;
    }
    std::string ts = workspace_.next_ts();
    Value message = message_from(args, ts);
    if (root) message.set("thread_ts", thread).set("parent_user_id", (*root)["user"]);
    if (root && truthy(args["reply_broadcast"])) message.set("subtype", "thread_broadcast");
    const Value& kept = workspace_.put_message(*channel, std::move(message), false);
    return yes({{"channel", channel->id}, {"ts", ts}, {"message", kept}});
}

Answer WebApi::update(const Args& args) {
    std::string_view id = args["channel"].text();
    Channel* channel = id.starts_with('U') ? nullptr : workspace_.find_channel(id);
    if (!channel) return no("channel_not_found");
    if (channel->archived) return no("is_inactive");
    std::string ts{args["ts"].text()};
    auto found = channel->messages.find(ts);
    if (found == channel->messages.end()) return no("message_not_found");
    if (!own(found->second)) return no("cant_update_message");
    if (auto refused = refuse_content(args, true)) return std::move(*refused);
    const bool new_text = !args["text"].is_null() || !args["markdown_text"].is_null();
    const bool new_blocks = !args["blocks"].is_null();
    if (!new_text && !new_blocks && args["metadata"].is_null()) return no("no_text");
    Value message = found->second;
    Value fresh = message_from(args, ts);
    if (new_text) message.set("text", fresh["text"]);
    // Text alone takes the old blocks away, as in Slack; without text and blocks they stay.
    if (new_text || new_blocks) message.members()->erase("blocks");
    if (fresh["blocks"].items()) message.set("blocks", fresh["blocks"]);
    if (!args["metadata"].is_null()) message.members()->erase("metadata");
    if (fresh["metadata"].members()) message.set("metadata", fresh["metadata"]);
    if (!message["blocks"].items())
        message.set("edited", Value::object({{"user", bot_user}, {"ts", workspace_.next_ts()}}));
    const Value& kept = workspace_.put_message(*channel, std::move(message), true);
    return yes({{"channel", channel->id}, {"ts", ts}, {"text", kept["text"]}, {"message", kept}});
}

Answer WebApi::post_ephemeral(const Args& args) {
    Channel* channel = workspace_.find_channel(args["channel"].text());
    if (!channel) return no("channel_not_found");
    if (!channel->has(bot_user)) return no(channel->is_private ? "channel_not_found" : "not_in_channel");
    if (channel->archived) return no("is_archived");
    const User* user = workspace_.find_user(args["user"].text());
    if (!user || user->deleted || !channel->has(user->id)) return no("user_not_in_channel");
    if (auto refused = refuse_content(args, false)) return std::move(*refused);
    Value message = message_from(args, "");
    if (!args["thread_ts"].is_null()) message.set("thread_ts", args["thread_ts"]);
    if (auto* members = message.members()) members->erase("metadata");
    const Ephemeral& kept = workspace_.put_ephemeral(user->id, channel->id, std::move(message));
    return yes({{"message_ts", kept.ts}});
}

Answer WebApi::remove(const Args& args) {
    Channel* channel = workspace_.find_channel(args["channel"].text());
    if (!channel) return no("channel_not_found");
    std::string ts{args["ts"].text()};
    auto found = channel->messages.find(ts);
    if (found == channel->messages.end()) return no("message_not_found");
    if (!own(found->second)) return no("cant_delete_message");
    workspace_.remove_message(*channel, ts);
    return yes({{"channel", channel->id}, {"ts", ts}});
}

Answer WebApi::permalink(const Args& args) {
    Channel* channel = workspace_.find_channel(args["channel"].text());
    if (!channel) return no("channel_not_found");
    std::string_view ts = args["message_ts"].text();
    if (!workspace_.find_message(channel->id, ts)) return no("message_not_found");
    return yes({{"channel", channel->id},
                {"permalink", fmt::format("{}/#{}/{}", workspace_.base_url(), channel->id, ts)}});
}

Answer WebApi::react(const Args& args) {
    Channel* channel = workspace_.find_channel(args["channel"].text());
    if (!channel) return no("channel_not_found");
    if (channel->archived) return no("is_archived");
    std::string name{args["name"].text()};
    if (name.empty() || name.find(':') != std::string::npos) return no("invalid_name");
    std::string ts{args["timestamp"].text()};
    auto found = channel->messages.find(ts);
    if (found == channel->messages.end())
        return no(ts.find('.') == ts.npos ? "bad_timestamp" : "message_not_found");
    Value message = found->second;
    Value reactions = message["reactions"];
    if (reactions.is_null()) reactions = Value::array();
    for (const auto& reaction : *reactions.items())
        if (reaction["name"].text() == name) return no("already_reacted");
    Value users = Value::array();
    users.push(bot_user);
    reactions.push(Value::object({{"name", name}, {"count", 1}, {"users", std::move(users)}}));
    message.set("reactions", std::move(reactions));
    workspace_.put_message(*channel, std::move(message), true);
    return yes();
}

Answer WebApi::history(const Args& args) {
    Channel* channel = workspace_.find_channel(args["channel"].text());
    if (!channel) return no("channel_not_found");
    if (!channel->has(bot_user)) return no("not_in_channel");
    const bool all_metadata = truthy(args["include_all_metadata"]);
    const bool inclusive = truthy(args["inclusive"]);
    std::string_view oldest = args["oldest"].text();
    std::string_view latest = args["latest"].text();
    Value::Array messages;
    for (auto it = channel->messages.rbegin(); it != channel->messages.rend(); ++it) {
        const auto& [ts, message] = *it;
        std::string_view thread = message["thread_ts"].text();
        if (!thread.empty() && thread != ts && message["subtype"].text() != "thread_broadcast") continue;
        if (!latest.empty() && (ts > latest || (ts == latest && !inclusive))) continue;
        if (!oldest.empty() && (ts < oldest || (ts == oldest && !inclusive))) break;
        messages.push_back(all_metadata ? message : without_payload(message));
    }
    Answer answer = in_pages(std::move(messages), "messages", args, 100);
    if (answer.body["ok"].truth())
        answer.body.set("has_more", !answer.body["response_metadata"]["next_cursor"].text().empty());
    return answer;
}

Answer WebApi::replies(const Args& args) {
    Channel* channel = workspace_.find_channel(args["channel"].text());
    if (!channel) return no("channel_not_found");
    if (!channel->has(bot_user)) return no("not_in_channel");
    std::string_view root = args["ts"].text();
    if (!workspace_.find_message(channel->id, root)) return no("thread_not_found");
    const bool all_metadata = truthy(args["include_all_metadata"]);
    Value::Array messages;
    for (const auto& [ts, message] : channel->messages)
        if (ts == root || message["thread_ts"].text() == root)
            messages.push_back(all_metadata ? message : without_payload(message));
    Answer answer = in_pages(std::move(messages), "messages", args, 1000);
    if (answer.body["ok"].truth())
        answer.body.set("has_more", !answer.body["response_metadata"]["next_cursor"].text().empty());
    return answer;
}

Value WebApi::answer_to(const ResponseUrl& use, Value given) {
    const bool replace = truthy(given["replace_original"]);
    const bool erase = truthy(given["delete_original"]);
    const bool in_channel = given["response_type"].text() == "in_channel";
    Channel* channel = workspace_.find_channel(use.channel);
    if (!channel) return no("channel_not_found").body;
    const bool on_ephemeral = workspace_.find_ephemeral(use.user, use.message_ts) != nullptr;
    if (erase && !use.message_ts.empty()) {
        if (on_ephemeral) {
            workspace_.replace_ephemeral(use.user, use.message_ts, std::nullopt);
        } else {
            workspace_.remove_message(*channel, use.message_ts);
        }
        if (given["text"].text().empty() && given["blocks"].is_null()) return yes().body;
    }
    if (auto refused = refuse_content(given, false)) return std::move(refused->body);
    Value message = message_from(given, use.message_ts);
    if (replace && !erase && on_ephemeral) {
        workspace_.replace_ephemeral(use.user, use.message_ts, std::move(message));
    } else if (replace && !erase && workspace_.find_message(use.channel, use.message_ts)) {
        workspace_.put_message(*channel, std::move(message), true);
    } else if (in_channel) {
        message.set("ts", workspace_.next_ts());
        workspace_.put_message(*channel, std::move(message), false);
    } else {
        workspace_.put_ephemeral(use.user, use.channel, std::move(message));
    }
    return yes().body;
}

}  // namespace countersign::sandbox
