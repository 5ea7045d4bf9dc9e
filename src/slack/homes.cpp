#include "slack/homes.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/wire/slack_lists.hpp"

namespace countersign::slack {

namespace {

constexpr core::Duration home_within = std::chrono::seconds{5};
constexpr core::Duration look_every = std::chrono::seconds{1};
constexpr core::Duration rest_after_failure = std::chrono::seconds{15};

}  // namespace

void Homes::opened(const std::string& user, wire::SlackStyle style) {
    const auto now = parts_.runtime.now();
    std::erase_if(watched_, [&](const auto& one) { return now - one.second.opened_at > watched_for; });
    if (watched_.size() >= watched_max && !watched_.contains(user)) {
        auto oldest =
            std::ranges::min_element(watched_, {}, [](const auto& one) { return one.second.opened_at; });
        watched_.erase(oldest);
    }
    style_ = std::move(style);
    // Whatever Slack shows now may be from long ago.
    watched_.insert_or_assign(user, Watched{.opened_at = now});
    nudge_.notify_all();
}

void Homes::changed(const std::string& user) {
    auto found = watched_.find(user);
    if (found == watched_.end()) return;
    found->second.changes = -1;
    found->second.published_at = {};
    nudge_.notify_all();
}

// Whoever waits the longest is next.
std::optional<std::string> Homes::next_due() const {
    const auto now = parts_.runtime.now();
    const auto changes = parts_.requests.changes();
    const std::pair<const std::string, Watched>* first = nullptr;
    for (const auto& one : watched_) {
        const Watched& page = one.second;
        const bool stale = page.changes != changes && now - page.published_at >= apart;
        if (!stale || now - page.opened_at > watched_for) continue;
        if (first == nullptr || page.published_at < first->second.published_at) first = &one;
    }
    return first == nullptr ? std::nullopt : std::optional{first->first};
}

Later<Done> Homes::publish(std::string user) {
    const auto deadline = parts_.runtime.within(home_within);
    const auto changes = parts_.requests.changes();
    auto account = core::chat_account(core::Surface::slack, style_.team, user);
    auto page = co_await parts_.conversation.home(std::move(account), deadline);
    if (!page) co_return pass(page);
    auto view = wire::slack_home_view(*page, style_);
    auto known = watched_.find(user);
    if (known == watched_.end()) co_return Done{};
    known->second.published_at = parts_.runtime.now();
    known->second.changes = changes;
    if (known->second.shown == view.text) co_return Done{};
    auto arguments = wire::json_object("user_id", user, "view", view);
    auto published = co_await parts_.api.call(Method::views_publish, std::move(arguments), {}, deadline);
    if (!published) co_return pass(published);
    if (known = watched_.find(user); known != watched_.end()) known->second.shown = std::move(view.text);
    co_return Done{};
}

rt::asio::awaitable<void> Homes::run() {
    for (;;) {
        while (auto user = next_due()) {
            auto published = co_await publish(*user);
            if (published) continue;
            log::warn("slack", "an App Home could not be published: {}", published.error().detail);
            if (auto known = watched_.find(*user); known != watched_.end()) {
                known->second.changes = -1;
                known->second.published_at = parts_.runtime.now() + rest_after_failure - apart;
            }
        }
        co_await nudge_.wait_until(parts_.runtime.timers, parts_.runtime.now() + look_every);
    }
}

}  // namespace countersign::slack
