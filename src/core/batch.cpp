#include "countersign/core/batch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/card_runs.hpp"
#include "core/shown.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/card_sections.hpp"

namespace countersign::core {
namespace {

// A row takes three lines of a phone at most.
constexpr std::size_t intent_columns_batch = 24;
constexpr std::size_t resource_columns_batch = 16;
constexpr std::size_t name_columns_batch = 40;
constexpr std::size_t stands_columns_batch = 31;

std::string clipped_name(std::string_view text, std::size_t columns) {
    auto shown = visible(clip_utf8(text, columns));
    if (clip_utf8(text, columns).size() < text.size()) shown += "…";
    return shown;
}

std::string groups_text(const CardView& card) {
    if (card.missing.empty()) return {};
    std::string text;
    for (const CardLack& lack : card.missing.front()) {
        if (!text.empty()) text += ", ";
        text += fmt::format("{} of {}", lack.count, clipped_name(lack.group, name_columns_batch));
    }
    if (card.missing.size() > 1) text += ", or otherwise";
    return text;
}

std::string votes_said(const CardView& card) {
    std::string text;
    for (const CardVote& vote : card.votes) {
        if (!text.empty()) text += ", ";
        text += clipped_name(vote.who.name, name_columns_batch);
        text += vote.verdict == Verdict::approve ? " approved" : " denied";
    }
    return text;
}

std::string stands_text(const CardView& card) {
    std::string text{state_text(card)};
    if (card.state != State::pending) {
        if (card.decided_by) text += " by " + clipped_name(card.decided_by->name, name_columns_batch);
        if (!card.review || !card.review->open()) return text;
        return (card.review->overdue ? "Review overdue · " : "To be reviewed · ") + text;
    }
    if (card.held) text += " by " + clipped_name(card.held->who.name, name_columns_batch);
    if (auto groups = groups_text(card); !groups.empty()) text += ": " + groups;
    if (auto said = votes_said(card); !said.empty()) text += " · " + said;
    return text;
}

// The line is inert already.
std::string cut_line(std::string line, std::size_t columns) {
    const auto kept = clip_utf8(line, columns).size();
    if (kept < line.size()) line = line.substr(0, kept) + "…";
    return line;
}

std::string what_text(const CardView& card) {
    std::string text;
    if (card.resource) text = clipped_name(*card.resource, resource_columns_batch);
    if (blank(card.intent)) return text;
    if (!text.empty()) text += " · ";
    return text + "“" + clipped_name(card.intent, intent_columns_batch) + "”";
}

// A row has no room for what is rare.
std::vector<CardButton> row_buttons(const CardView& card) {
    auto buttons = card_buttons(card);
    std::erase(buttons, CardButton::lower);
    return buttons;
}

std::string asks_text(const CardView& card) {
    auto text = clipped_name(card.requester.name, name_columns_batch);
    if (card.requester_is_program) text += " (a program)";
    text += " asks for each of these";
    for (std::size_t i = 0; i < card.rules.size(); ++i)
        text += (i == 0 ? (card.rules.size() == 1 ? " · rule " : " · rules ") : ", ") +
                clipped_name(card.rules[i], name_columns_batch);
    return text;
}

}  // namespace

std::string alike_text(const Case& c) {
    auto rules = Value::array();
    for (const auto& rule : c.applied->rules) rules.push(rule);
    const Request& request = c.request;
    return canonical(
        Value::object({{"account", request.requester.account.text()},
                       {"action", request.action},
                       {"environment", request.environment ? Value(*request.environment) : Value()},
                       {"name", request.requester.name},
                       {"person", request.requester.kind == Requester::Kind::person},
                       {"policy", c.applied->policy_digest},
                       {"rules", std::move(rules)}}));
}

std::size_t BatchView::open() const {
    return static_cast<std::size_t>(std::ranges::count_if(rows, &BatchRow::open));
}

BatchView batch_view(BatchId id, const std::vector<CardView>& cards) {
    BatchView view{.id = id, .headline = {}, .who = {}, .rows = {}, .notification = {}};
    for (const CardView& card : cards)
        view.rows.push_back({card.id, card.number, card.state == State::pending, row_buttons(card),
                             what_text(card), cut_line(stands_text(card), stands_columns_batch)});
    const CardView& first = cards.front();
    const std::size_t open = view.open();
    const auto what = headline_text(first);
    view.headline = open == cards.size() ? fmt::format("{} alike: {}", cards.size(), what)
                    : open > 0           ? fmt::format("{} alike, {} open: {}", cards.size(), open, what)
                                         : fmt::format("{} alike, all decided: {}", cards.size(), what);
    view.who = asks_text(first);
    const auto many = [](std::size_t count) {
        return count == 1 ? std::string{"1 request alike"} : fmt::format("{} requests alike", count);
    };
    const auto range = cards.size() == 1 ? fmt::format("#{}", first.number)
                                         : fmt::format("#{} to #{}", first.number, cards.back().number);
    const auto asker = clipped_name(first.requester.name, name_columns_batch);
    view.notification = open > 0
                            ? fmt::format("Approve? {}: {}, asked by {} ({})", many(open), what, asker, range)
                            : fmt::format("{}, all decided: {} ({})", many(cards.size()), what, range);
    return view;
}

}  // namespace countersign::core
