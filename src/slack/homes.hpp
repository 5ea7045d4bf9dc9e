#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>

#include "countersign/app/conversation.hpp"
#include "countersign/rt/signal.hpp"
#include "countersign/wire/slack_message.hpp"
#include "slack/web_api.hpp"

namespace countersign::slack {

// The App Homes of people who opened theirs lately: each is published when it is opened, and again when
// something changes while it may still be open. Slack does not say when somebody looks away.
class Homes {
  public:
    static constexpr std::size_t watched_max = 500;
    static constexpr core::Duration watched_for = std::chrono::minutes{15};  // since it was opened
    // What changes at once is shown together, and nobody's page costs more than this often a look.
    static constexpr core::Duration apart = std::chrono::seconds{4};

    struct Parts {
        const app::Runtime& runtime;
        WebApi& api;
        app::Conversation& conversation;
        app::Requests& requests;
    };
    Homes(Parts parts, rt::asio::any_io_executor executor) : parts_(parts), nudge_(std::move(executor)) {}

    void opened(const std::string& user, wire::SlackStyle style);
    // Something that this person did may show on their page.
    void changed(const std::string& user);
    rt::asio::awaitable<void> run();  // until cancelled

  private:
    struct Watched {
        core::Instant opened_at;
        core::Instant published_at{};
        std::int64_t changes = -1;  // that were known when it was drawn; -1: it is to be drawn
        std::string shown = {};     // the view as it was published last
    };
    std::optional<std::string> next_due() const;
    Later<Done> publish(std::string user);

    Parts parts_;
    rt::Signal nudge_;
    wire::SlackStyle style_;
    std::unordered_map<std::string, Watched> watched_;
};

}  // namespace countersign::slack
