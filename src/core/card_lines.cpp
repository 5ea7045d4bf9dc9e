#include "core/card_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/card_runs.hpp"
#include "core/shown.hpp"
#include "countersign/base/text.hpp"

namespace countersign::core {
namespace {

constexpr std::size_t rules_shown_max = 2;

}  // namespace

std::string time_text(Duration span) {
    return duration_text(std::chrono::duration_cast<std::chrono::seconds>(span).count());
}

void push_closed(CardLine& line, const CardView& card, std::size_t closed_max) {
    const std::size_t shown = std::min(card.terms.claim_closed.size(), closed_max);
    for (std::size_t i = 0; i < shown; ++i) {
        const Span& closed = card.terms.claim_closed[i];
        line.push_back(words(i == 0 ? "from " : ", nor from "));
        line.push_back(moment(closed.from));
        line.push_back(words(closed.to >= end_of_time ? " on" : " to "));
        if (closed.to < end_of_time) line.push_back(moment(closed.to));
    }
    if (card.terms.claim_closed.size() > shown)
        line.push_back(words(
            fmt::format(", nor {}: Details", count_of(card.terms.claim_closed.size() - shown, "more time"))));
}

void push_rules(CardLine& line, const CardView& card) {
    for (std::size_t i = 0; i < card.rules.size(); ++i) {
        if (i == rules_shown_max) {
            line.push_back(words(fmt::format(" and {} more", card.rules.size() - i)));
            break;
        }
        line.push_back(words(i == 0 ? (card.rules.size() == 1 ? "Rule " : "Rules ") : ", "));
        line.push_back(named(card.rules[i]));
    }
}

std::vector<CardLine> shadow_lines(const CardView& card) {
    if (!card.shadow) return {};
    const Shadow& shadow = *card.shadow;
    CardLine line{strong("On trial"), words(shadow.rules.size() == 1 ? ", rule " : ", rules ")};
    for (std::size_t i = 0; i < shadow.rules.size() && i < rules_shown_max; ++i) {
        if (i > 0) line.push_back(words(", "));
        line.push_back(named(shadow.rules[i]));
    }
    if (shadow.rules.size() > rules_shown_max) line.push_back(words(" and more"));
    if (shadow.refuses) {
        line.push_back(words(" would have refused it: "));
        line.push_back(prose(prose_excerpt(shadow.refusal, said_columns_max).text));
        return {std::move(line)};
    }
    line.push_back(words(" would have asked "));
    std::size_t shown = 0;
    for (const Slots& slots : shadow.alternatives) {
        if (shown++ == alternatives_shown_max) {
            line.push_back(words(", or others"));
            break;
        }
        if (shown > 1) line.push_back(words(", or "));
        for (std::size_t i = 0; i < slots.groups.size() && i <= groups_shown_max; ++i) {
            if (i > 0) line.push_back(words(i == groups_shown_max ? " and more" : " and "));
            if (i == groups_shown_max) break;
            line.push_back(words(fmt::format("{} of ", slots.groups[i].count)));
            line.push_back(named(slots.groups[i].of.text()));
        }
    }
    return {std::move(line)};
}

std::vector<CardLine> narrowed_lines(const CardView& card) {
    std::vector<CardLine> lines;
    if (card.narrowed_from) {
        CardLine line{words(fmt::format("Takes the place of #{}, in which ", card.narrowed_from->number)),
                      person(card.narrowed_from->by), words(" lowered: ")};
        line.push_back(prose(prose_excerpt(card.narrowed_from->what, said_columns_max).text));
        lines.push_back(std::move(line));
    }
    if (card.narrowed_into) {
        lines.push_back({words("Lowered: "),
                         prose(prose_excerpt(card.narrowed_into->what, said_columns_max).text),
                         words(". A new request with this takes its place, with a card of its own.")});
    }
    return lines;
}

std::vector<CardLine> history_lines(const CardView& card) {
    std::vector<CardLine> lines;
    const CardTerms& terms = card.terms;
    if (!terms.over_budget.empty()) {
        CardLine line{strong("Beyond the budget"), words(" of ")};
        for (std::size_t i = 0; i < terms.over_budget.size() && i < rules_shown_max; ++i) {
            if (i > 0) line.push_back(words(", "));
            line.push_back(named(terms.over_budget[i]));
        }
        if (terms.over_budget.size() > rules_shown_max) line.push_back(words(" and more"));
        lines.push_back(std::move(line));
    }
    for (std::size_t i = 0; i < terms.budgets.size() && i < rules_shown_max; ++i)
        lines.push_back({words("Counts toward a budget of "), named(terms.budgets[i].rule),
                         words(": " + budget_text(terms.budgets[i]) + common_text(terms.budgets[i].by))});
    for (const Turns& one : terms.turns)
        lines.push_back({words(fmt::format("One at a time: it {} others with the same {}",
                                           one.supersede ? "ended" : "waits for", join(one.by, " and ")))});
    for (std::size_t i = 0; i < terms.not_last.size() && i < groups_shown_max; ++i)
        lines.push_back({words("Not for whoever approved for "), named(terms.not_last[i].of.text()),
                         words(terms.not_last[i].not_last == 1
                                   ? " the last time"
                                   : fmt::format(" one of the last {} times", terms.not_last[i].not_last))});
    return lines;
}

}  // namespace countersign::core
