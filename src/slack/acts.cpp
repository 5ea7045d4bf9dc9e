#include "slack/acts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/slack_card.hpp"
#include "countersign/wire/slack_lists.hpp"
#include "countersign/wire/slack_views.hpp"

namespace countersign::slack {
namespace {

// A request's id, exactly as our buttons carry it.
std::optional<core::RequestId> request_of(std::string_view text) {
    auto id = core::RequestId::parse(text);
    if (id && id->text() != text) return std::nullopt;
    return id;
}

std::optional<AnswerClick> answer_of(const wire::SlackClick& click) {
    using About = app::Question::About;
    struct Choice {
        std::string_view action;
        About about;
        bool agrees;
    };
    static constexpr std::array choices{Choice{wire::slack_link_agree, About::link, true},
                                        Choice{wire::slack_link_decline, About::link, false},
                                        Choice{wire::slack_vote_agree, About::vote, true},
                                        Choice{wire::slack_vote_decline, About::vote, false},
                                        Choice{wire::slack_token_agree, About::voting_token, true},
                                        Choice{wire::slack_token_decline, About::voting_token, false}};
    for (const Choice& choice : choices)
        if (click.action == choice.action) return AnswerClick{{choice.about, click.value}, choice.agrees};
    return std::nullopt;
}

// The verdict that a dialog of ours gives; nullopt: none does.
std::optional<core::Verdict> verdict_of(std::string_view callback) {
    using core::Verdict;
    constexpr std::array asking{Verdict::approve, Verdict::deny, Verdict::hold, Verdict::lower,
                                Verdict::review};
    const auto verdict = core::parse_verdict(callback);
    return verdict && std::ranges::find(asking, *verdict) != asking.end() ? verdict : std::nullopt;
}

// Long ids of a payload are folded, so that an origin never outgrows its column.
app::Origin folded(std::string key) {
    if (key.size() > app::origin_bytes_max) key = "slack:folded:" + sha256_hex(key);
    return {std::move(key)};
}

}  // namespace

Clicked read_click(const wire::SlackClick& click) {
    if (auto answer = answer_of(click)) return std::move(*answer);
    if (click.action == wire::slack_list_page) {
        auto words = app::read_command(click.value);
        if (words.verb == "list" || words.verb == "all" || words.verb == "mine" || words.verb == "reviews")
            return ListClick{std::move(words)};
        return std::monostate{};
    }
    if (click.action == wire::slack_together) {
        auto batch = core::BatchId::parse(click.value);
        if (!batch || batch->text() != click.value) return std::monostate{};
        return TogetherClick{*batch};
    }
    if (click.action == wire::slack_row) {
        const auto blank = click.value.find(' ');
        if (blank == std::string::npos || !core::parse_card_button(click.value.substr(0, blank)))
            return std::monostate{};
        auto chosen = click;
        chosen.action = click.value.substr(0, blank);
        chosen.value = click.value.substr(blank + 1);
        return read_click(chosen);
    }
    auto request = request_of(click.value);
    const bool forward = click.action == wire::slack_next_page;
    if (request && !click.view.empty() && (forward || click.action == wire::slack_page_before)) {
        // Without a note it begins again.
        auto note = wire::read_slack_view_note(click.metadata).value_or(wire::SlackViewNote{});
        if (note.request != click.value) note = {};
        note.request = click.value;
        return PageClick{*request, std::move(note), forward};
    }
    if (auto asked = wire::read_slack_asked(click.block); asked && click.action == wire::slack_approve) {
        const auto id = std::string_view{click.value}.substr(0, click.value.find(' '));
        auto about = request_of(id);
        if (!about) return std::monostate{};
        auto reason = std::string(trim(std::string_view{click.value}.substr(id.size())));
        return ApprovalClick{*about, std::move(*asked), std::move(reason)};
    }
    auto button = core::parse_card_button(click.action);
    if (!request || !button) return std::monostate{};
    CardClick card{
        .request = *request, .button = *button, .shown = app::CardExtent::whole, .card = {}, .list = {}};
    if (wire::slack_opens_full_view(click.block)) card.shown = app::CardExtent::part;
    if (click.block.empty()) card.shown = app::CardExtent::unknown;
    // A list is no card of the requests in it.
    const bool listed = click.block.ends_with(wire::slack_row_suffix);
    const bool for_all = !click.ephemeral && !click.message.empty() && !click.actor.channel.empty();
    if (for_all) (listed ? card.list : card.card) = app::MessageRef{click.actor.channel, click.message};
    return card;
}

std::optional<Submitted> read_submission(const wire::SlackSubmission& submission) {
    auto verdict = verdict_of(submission.callback);
    auto note = wire::read_slack_view_note(submission.metadata);
    auto request = note ? request_of(note->request) : std::nullopt;
    if (!verdict || !request) return std::nullopt;
    return Submitted{*request, *verdict, std::move(*note)};
}

app::Origin origin_of(const wire::SlackClick& click) {
    return folded(fmt::format("slack:{}:{}/{}:{}:{}", click.actor.user, click.actor.channel,
                              click.message.empty() ? click.view : click.message, click.action,
                              click.action_ts));
}

app::Origin origin_of(const wire::SlackSubmission& submission) {
    if (submission.view.empty()) return folded("slack:trigger:" + submission.actor.trigger_id);
    // The text is part of the key: a second try from the same view with other words is another act.
    constexpr std::size_t digest_digits = 16;
    std::string typed = submission.reason;
    for (const std::string& number : submission.numbers) typed += "\n" + number;
    return folded(fmt::format("slack:view:{}:{}:{}:{}", submission.view, submission.hash,
                              submission.actor.user, sha256_hex(typed).substr(0, digest_digits)));
}

app::Origin origin_of(const wire::SlackCommand& command) {
    return folded(fmt::format("slack:command:{}:{}", command.actor.user, command.actor.trigger_id));
}

std::optional<core::Instant> posted_at(std::string_view message) {
    constexpr std::size_t fraction_digits = 6;
    const auto dot = message.find('.');
    if (dot == message.npos || message.size() - dot - 1 != fraction_digits || message.size() > 18)
        return std::nullopt;
    std::int64_t us = 0;
    for (const char digit : message) {
        if (digit == '.') continue;
        if (digit < '0' || digit > '9') return std::nullopt;
        us = us * 10 + (digit - '0');
    }
    return core::Instant{core::Duration{us}};
}

std::string_view mentioned_user(std::string_view word) {
    if (!word.starts_with("<@") || !word.ends_with(">")) return {};
    auto id = word.substr(2, word.size() - 3);
    return id.substr(0, id.find('|'));
}

}  // namespace countersign::slack
