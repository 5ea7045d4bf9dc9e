#pragma once
#include <string>
#include <string_view>

#include "countersign/core/value.hpp"
#include "countersign/rt/later.hpp"
#include "sandbox/sockets.hpp"
#include "sandbox/web_api.hpp"
#include "sandbox/workspace.hpp"

namespace countersign::sandbox {

// Does what people do in the workspace, and makes the payloads and events that follow. Each function answers
// with what the person would see, as a JSON object: {"acked", "ms", …} or {"error", "detail"}.
class Interactions {
  public:
    Interactions(Workspace& workspace, Sockets& sockets, WebApi& api);

    // Takes {user, channel, ts, action_id, block_id?, value?} or {user, view_id, action_id, …}.
    rt::asio::awaitable<core::Value> click(const core::Value& order);
    // Takes {user, view_id?, values?}.
    rt::asio::awaitable<core::Value> submit_view(const core::Value& order);
    // Takes {user, view_id?, all?}.
    rt::asio::awaitable<core::Value> close_view(const core::Value& order);
    // Takes {user, channel, text, command?}.
    rt::asio::awaitable<core::Value> command(const core::Value& order);
    // Takes {user, channel, text, thread_ts?}; posts an ordinary message, with the events it causes.
    core::Value say(const core::Value& order);
    // Takes {user}; opens the app's home tab.
    core::Value open_home(const core::Value& order);
    // Wraps one event for the bot and queues it.
    void emit(core::Value event);

  private:
    core::Value person(const User& user) const;
    core::Value base_payload(std::string_view type, const User& user) const;
    rt::asio::awaitable<core::Value> click_in_view(const User& user, const core::Value& order);
    core::Value action_entry(const core::Value& block, const core::Value& element, const core::Value& order);
    core::Value after_submission(const std::string& view_id, const core::Value& answer);

    Workspace& workspace_;
    Sockets& sockets_;
    WebApi& api_;
};

}  // namespace countersign::sandbox
