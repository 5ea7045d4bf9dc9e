#include "core/card_end.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/card_lines.hpp"
#include "core/card_runs.hpp"
#include "core/shown.hpp"
#include "countersign/base/text.hpp"

namespace countersign::core {
namespace {

using Part = CardSection::Part;

constexpr std::size_t reasons_shown_max = 3;

void push_voters(CardLine& line, const CardView& card, Verdict verdict) {
    std::size_t shown = 0;
    for (const CardVote& vote : card.votes) {
        if (vote.verdict != verdict || (verdict == Verdict::approve && !vote.counted_for)) continue;
        if (shown++ == groups_shown_max) {
            line.push_back(words(" and more"));
            break;
        }
        line.push_back(words(shown == 1 ? "by " : " and "));
        line.push_back(person(vote.who));
        if (!vote.counted_for) continue;
        line.push_back(words(" ("));
        line.push_back(named(*vote.counted_for));
        if (vote.in_place_of) line.push_back(words(", in place of "));
        if (vote.in_place_of) line.push_back(named(*vote.in_place_of));
        line.push_back(words(vote.self_approval ? ", own request, allowed by policy)"
                             : vote.signed_in   ? ", signed in for it)"
                                                : ")"));
    }
}

CardLine who_decided(const CardView& card) {
    CardLine line;
    switch (card.state) {
        case State::denied:
            push_voters(line, card, Verdict::deny);
            break;
        case State::refused:
            push_rules(line, card);
            break;
        case State::expired:
            line.push_back(words("Nobody decided in time"));
            break;
        case State::cancelled:
            if (card.decided_by) line = {words("by "), person(*card.decided_by)};
            break;
        default:
            push_voters(line, card, Verdict::approve);
            if (line.empty()) {
                line.push_back(words(card.by_session ? "beforehand, with a session: " : "by the policy: "));
                push_rules(line, card);
            }
    }
    if (!card.decided_at) return line;
    if (!line.empty()) line.push_back(words(", "));
    line.push_back(moment(*card.decided_at));
    if (*card.decided_at > card.created_at && card.created_at != Instant{})
        line.push_back(
            words(fmt::format(", {} after it was asked", time_text(*card.decided_at - card.created_at))));
    return line;
}

// What people said: "“looks right” — @ben".
void add_reasons(std::vector<CardLine>& lines, const CardView& card) {
    const std::size_t before = lines.size();
    for (const CardVote& vote : card.votes) {
        if (blank(vote.reason) || lines.size() == before + reasons_shown_max) continue;
        lines.push_back({words("“"), prose(prose_excerpt(vote.reason, said_columns_max).text), words("” — "),
                         person(vote.who)});
    }
    const bool said =
        std::ranges::any_of(card.votes, [&](const CardVote& vote) { return vote.reason == card.reason; });
    if (!blank(card.reason) && !said)
        lines.push_back({words("“"), prose(prose_excerpt(card.reason, said_columns_max).text), words("”")});
}

CardLine not_started(const CardView& card) {
    CardLine line;
    if (!card.grant_ends) return line;
    line.push_back(words("Not started yet; can be "));
    if (card.terms.claim_from && *card.terms.claim_from > card.decided_at.value_or(card.created_at)) {
        line.push_back(words("from "));
        line.push_back(moment(*card.terms.claim_from));
        line.push_back(words(" "));
    }
    line.push_back(words("until "));
    line.push_back(moment(*card.grant_ends));
    if (card.terms.claim_closed.empty()) return line;
    line.push_back(words(", but not "));
    push_closed(line, card, closed_shown_max);
    return line;
}

std::string used_text(const CardSession& session) {
    return fmt::format("Used {} of {} times", session.used, session.uses);
}

CardLine session_open(const CardView& card) {
    return {words(used_text(*card.session) + "; whatever fits is approved without asking until "),
            moment(card.grant_ends.value_or(Instant{}))};
}

void add_aftermath(std::vector<CardLine>& lines, const CardView& card) {
    CardLine line;
    const bool ran = card.claimed_at && card.ended_at && *card.ended_at >= *card.claimed_at;
    const std::string took = ran ? ", " + time_text(*card.ended_at - *card.claimed_at) : std::string{};
    switch (card.state) {
        case State::approved:
            line = card.session ? session_open(card) : not_started(card);
            break;
        case State::claimed:
            line = {words("Started "), moment(card.claimed_at.value_or(Instant{})),
                    words("; not finished yet")};
            break;
        case State::succeeded:
        case State::failed:
            line = {words("Started "), moment(card.claimed_at.value_or(Instant{})), words(", "),
                    strong(card.state == State::succeeded ? "succeeded" : "failed"), words(took)};
            break;
        case State::lapsed:
            line = card.session ? CardLine{words(used_text(*card.session) + "; over")}
                                : CardLine{words("Nobody started it in time: lapsed")};
            if (card.ended_at) {
                line.push_back(words(" "));
                line.push_back(moment(*card.ended_at));
            }
            break;
        default:
            break;
    }
    if (card.outcome_detail && !blank(*card.outcome_detail)) {
        line.push_back(words(": "));
        line.push_back(prose(prose_excerpt(*card.outcome_detail, said_columns_max).text));
    }
    if (!line.empty()) lines.push_back(std::move(line));
}

void add_review(std::vector<CardLine>& lines, const CardView& card) {
    if (!card.review) return;
    const CardReview& review = *card.review;
    for (const CardReview::Given& given : review.given) {
        CardLine line{strong("Reviewed"), words(" by "), person(given.who), words(" (")};
        line.push_back(named(join(given.groups, ", ")));
        line.push_back(words("): “"));
        line.push_back(prose(prose_excerpt(given.reason, said_columns_max).text));
        line.push_back(words("”"));
        lines.push_back(std::move(line));
    }
    if (!review.open()) return;
    CardLine line{strong(review.overdue ? "Review overdue" : "To be reviewed"), words(" by")};
    for (std::size_t i = 0; i < review.missing.size() && i < groups_shown_max; ++i) {
        const CardReview::Missing& missing = review.missing[i];
        line.push_back(words(i == 0 ? " somebody of " : ", and by somebody of "));
        line.push_back(named(missing.group));
        if (missing.could_review.empty()) continue;
        line.push_back(words(": "));
        push_people(line, missing.could_review, missing.more);
    }
    if (review.missing.size() > groups_shown_max) line.push_back(words(" and others"));
    line.push_back(words(review.overdue ? ", since " : ", until "));
    line.push_back(moment(review.due));
    lines.push_back(std::move(line));
    if (review.overdue)
        lines.push_back({quiet("Until then nobody approves a request of their own under this rule.")});
}

}  // namespace

CardSection how_it_ended(const CardView& card) {
    CardSection section{Part::outcome};
    if (auto line = who_decided(card); !line.empty()) section.lines.push_back(std::move(line));
    add_reasons(section.lines, card);
    for (auto& line : shadow_lines(card)) section.lines.push_back(std::move(line));
    for (auto& line : narrowed_lines(card)) section.lines.push_back(std::move(line));
    add_aftermath(section.lines, card);
    add_review(section.lines, card);
    return section;
}

}  // namespace countersign::core
