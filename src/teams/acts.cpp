#include "teams/acts.hpp"

#include <fmt/format.h>

#include <array>
#include <span>
#include <utility>

#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"

namespace countersign::teams {
namespace {

constexpr std::int64_t pages_max = 10'000;

// Long ids of an activity are folded, so that an origin never outgrows its column.
app::Origin folded(std::string key) {
    if (key.size() > app::origin_bytes_max) key = "teams:folded:" + sha256_hex(key);
    return {std::move(key)};
}

}  // namespace

std::optional<core::RequestId> request_of(const wire::TeamsPress& press) {
    auto id = core::RequestId::parse(press.request);
    if (id && id->text() != press.request) return std::nullopt;
    return id;
}

// The verb of a vote's button is the verdict's name.
std::optional<core::Verdict> verdict_of(std::string_view act) {
    return core::parse_verdict(act);
}

std::optional<app::CardButton> button_of(core::Verdict verdict) {
    switch (verdict) {
        case core::Verdict::deny:
            return app::CardButton::deny;
        case core::Verdict::hold:
            return app::CardButton::hold;
        case core::Verdict::release:
            return app::CardButton::release;
        case core::Verdict::lower:
            return app::CardButton::lower;
        case core::Verdict::revoke:
            return app::CardButton::revoke;
        case core::Verdict::review:
            return app::CardButton::review;
        default:
            return std::nullopt;
    }
}

std::optional<app::Question> question_of(const wire::TeamsPress& press) {
    if (press.act != wire::teams_agree && press.act != wire::teams_decline) return std::nullopt;
    if (press.about == "link") return app::Question{app::Question::About::link, press.id};
    if (press.about == "token") return app::Question{app::Question::About::voting_token, press.id};
    if (press.about == "vote") return app::Question{app::Question::About::vote, press.id};
    return std::nullopt;
}

app::Origin origin_of(const wire::TeamsPress& press, std::string_view object) {
    constexpr std::size_t digest_digits = 16;
    std::string typed = press.reason;
    for (const std::string& number : press.numbers) typed += "\n" + number;
    return folded(fmt::format("teams:press:{}:{}:{}:{}:{}", press.request, press.version, object, press.act,
                              sha256_hex(typed).substr(0, digest_digits)));
}

app::Origin origin_of(const wire::TeamsActivity& activity) {
    return folded(fmt::format("teams:message:{}:{}", activity.conversation, activity.id));
}

bool is_channel(std::string_view conversation) {
    return conversation.ends_with("@thread.tacv2") || conversation.ends_with("@thread.skype");
}

std::optional<app::MessageRef> message_of(const wire::TeamsActivity& activity) {
    if (activity.reply_to.empty() || activity.conversation.empty()) return std::nullopt;
    const bool root = wire::teams_thread_of(activity.conversation) == activity.reply_to;
    const auto channel = root ? wire::teams_channel_of(activity.conversation) : activity.conversation;
    return app::MessageRef{std::string(channel), activity.reply_to};
}

std::optional<core::Instant> shown_since(const wire::TeamsActivity& activity) {
    constexpr std::size_t digits = 13;  // from 2001 to 2286
    if (activity.reply_to.size() != digits) return std::nullopt;
    std::int64_t ms = 0;
    for (const char digit : activity.reply_to) {
        if (digit < '0' || digit > '9') return std::nullopt;
        ms = ms * 10 + (digit - '0');
    }
    return core::Instant{std::chrono::milliseconds{ms}};
}

std::string thread_of(const app::MessageRef& message) {
    return is_channel(message.channel) ? message.channel + ";messageid=" + message.message : message.channel;
}

std::string Passes::of(const core::RequestId& request, std::string_view digest, std::string_view object,
                       std::size_t page) const {
    constexpr std::size_t mac_bytes = 16;
    auto input = fmt::format("{}\n{}\n{}\n{}", request.text(), digest, object, page);
    auto mac = hmac_sha256(key_.reveal(), input);
    return base64url(as_text(std::span{mac}.first(mac_bytes)));
}

bool Passes::shows_all_before(const wire::TeamsPress& press, const core::RequestId& request,
                              std::string_view object) const {
    if (press.page < 1 || press.page > pages_max) return false;
    auto needed = of(request, press.digest, object, static_cast<std::size_t>(press.page) - 1);
    return equal_in_constant_time(press.pass, needed);
}

bool Passes::lets_see(const wire::TeamsPress& press, const core::RequestId& request,
                      std::string_view object) const {
    if (press.page < 0 || press.page > pages_max) return false;
    if (press.page == 0 || shows_all_before(press, request, object)) return true;
    auto back = of(request, press.digest, object, static_cast<std::size_t>(press.page) + 1);
    return equal_in_constant_time(press.pass, back);
}

}  // namespace countersign::teams
