#include "core/card_takes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/card_runs.hpp"
#include "core/shown.hpp"
#include "countersign/base/text.hpp"

// What a pending request still takes, and what became of one that has ended.
namespace countersign::core {
namespace {

using Part = CardSection::Part;

constexpr std::size_t alternatives_shown_max = 2;
constexpr std::size_t groups_shown_max = 3;
constexpr std::size_t rules_shown_max = 2;
constexpr std::size_t risks_shown_max = 3;
constexpr std::size_t said_columns_max = 120;
constexpr std::size_t reasons_shown_max = 3;

bool runs_a_command(const CardView& card) {
    return card.parameters && (*card.parameters)["argv"].items() != nullptr;
}

std::string time_text(Duration span) {
    return duration_text(std::chrono::duration_cast<std::chrono::seconds>(span).count());
}

// "1 of security: @ben, @cat and 4 more"
void push_lack(CardLine& line, const CardLack& lack, const CardView& card) {
    const bool some = std::ranges::any_of(card.votes, [&](const CardVote& vote) {
        return vote.counted_for && *vote.counted_for == lack.group;
    });
    line.push_back(strong(fmt::format("{}{}", lack.count, some ? " more" : "")));
    line.push_back(words(" of "));
    line.push_back(named(lack.group));
    if (lack.could_approve.empty() && lack.more == 0)
        return line.push_back(words(": nobody known can give it"));
    line.push_back(words(": "));
    const bool several = card.missing.size() * card.missing.front().size() > 2;
    push_people(line, lack.could_approve, lack.more, several ? 2 : 6);
}

CardLine on_hold(const CardView& card) {
    CardLine line{strong("On hold"), words(" by "), person(card.held->who), words(" since "),
                  moment(card.held->at)};
    for (std::size_t i = 0; i < card.releasers.size(); ++i) {
        line.push_back(words(i == 0 ? "; they release it, or whoever is in " : " and "));
        line.push_back(named(card.releasers[i]));
    }
    return line;
}

void add_missing(std::vector<CardLine>& lines, const CardView& card) {
    const bool several = card.missing.size() > 1;
    if (std::ranges::any_of(card.missing, &std::vector<CardLack>::empty)) return;  // one way is filled
    std::size_t shown = 0;
    for (const auto& alternative : card.missing) {
        if (shown++ == (card.missing.size() > alternatives_shown_max ? 1 : alternatives_shown_max)) {
            lines.push_back(
                {words(fmt::format("or one of {} other ways: Details", card.missing.size() - 1))});
            break;
        }
        CardLine line;
        if (several) line.push_back(words(shown == 1 ? "Either " : "or "));
        for (std::size_t i = 0; i < alternative.size(); ++i) {
            if (i == groups_shown_max) {
                line.push_back(
                    words(fmt::format(", and {}", count_of(alternative.size() - i, "other group"))));
                break;
            }
            if (i > 0 && several) line.push_back(words(", and "));
            if (i > 0 && !several) lines.push_back(std::exchange(line, {}));
            push_lack(line, alternative[i], card);
        }
        lines.push_back(std::move(line));
    }
}

// "✓ dba: @amy · security: @cat"
void add_filled(std::vector<CardLine>& lines, const CardView& card) {
    CardLine line;
    std::size_t shown = 0;
    for (const CardVote& vote : card.votes) {
        if (!vote.counted_for || vote.verdict != Verdict::approve) continue;
        if (shown++ == groups_shown_max) {
            line.push_back(words(" and more"));
            break;
        }
        line.push_back(words(line.empty() ? "✓ " : " · "));
        line.push_back(named(*vote.counted_for));
        line.push_back(words(": "));
        line.push_back(person(vote.who));
    }
    if (!line.empty()) lines.push_back(std::move(line));
}

// They are said only where one denial is not enough.
void add_objections(std::vector<CardLine>& lines, const CardView& card) {
    if (card.objections.empty()) return;
    CardLine line{strong("Denied"), words(" once")};
    for (std::size_t i = 0; i < card.objections.size() && i < groups_shown_max; ++i) {
        const auto& one = card.objections[i];
        line.push_back(words(fmt::format("{} {} of ", i == 0 ? "" : ", or", one.count)));
        line.push_back(named(one.group));
        line.push_back(words(fmt::format(" deny it ({} so far)", one.given)));
    }
    if (card.one_denial_ends) line.push_back(words(", or anybody who could approve it"));
    lines.push_back(std::move(line));
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

// "Rule `prod exports` · risk 70: production 40, rows 30"
void add_rules(std::vector<CardLine>& lines, const CardView& card) {
    CardLine line;
    push_rules(line, card);
    if (card.risk) {
        if (!line.empty()) line.push_back(words(" · "));
        line.push_back(strong(fmt::format("risk {}", *card.risk)));
        for (std::size_t i = 0; i < card.risk_parts.size() && i < risks_shown_max; ++i) {
            line.push_back(words(i == 0 ? ": " : ", "));
            line.push_back(named(card.risk_parts[i].what));
            line.push_back(words(fmt::format(" {}", card.risk_parts[i].points)));
        }
        if (card.risk_parts.size() > risks_shown_max) line.push_back(words(", …"));
    }
    if (!line.empty()) lines.push_back(std::move(line));
}

// "On trial, rule `shells` would have asked 2 of security; it holds nothing."
void add_shadow(std::vector<CardLine>& lines, const CardView& card) {
    if (!card.shadow) return;
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
        return lines.push_back(std::move(line));
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
    lines.push_back(std::move(line));
}

// So many approvals decide it, going the shortest way.
std::size_t approvals_left(const CardView& card) {
    std::size_t least = SIZE_MAX;
    for (const auto& alternative : card.missing) {
        std::size_t sum = 0;
        for (const CardLack& lack : alternative) sum += lack.count;
        least = std::min(least, sum);
    }
    return least == SIZE_MAX ? 0 : least;
}

void add_next(std::vector<CardLine>& lines, const CardView& card) {
    const std::size_t left = approvals_left(card);
    const std::string then = runs_a_command(card) ? ": the command then runs." : ".";
    if (card.held) {
        lines.push_back(
            {words(left == 0 ? "Everything needed is there: releasing the hold decides" + then
                             : "Approvals are recorded, but decide nothing while it is on hold.")});
    } else if (left == 1) {
        lines.push_back({strong("The next approval decides"), words(then)});
    } else if (left > 1) {
        lines.push_back({words(fmt::format("{} approvals decide{}", left, then))});
    }
}

// ---- after the end

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
        line.push_back(words(vote.self_approval ? ", own request, allowed by policy)" : ")"));
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
                line.push_back(words("by the policy: "));
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

void add_aftermath(std::vector<CardLine>& lines, const CardView& card) {
    CardLine line;
    const bool ran = card.claimed_at && card.ended_at && *card.ended_at >= *card.claimed_at;
    const std::string took = ran ? ", " + time_text(*card.ended_at - *card.claimed_at) : std::string{};
    switch (card.state) {
        case State::approved:
            if (card.grant_ends) line = {words("Not started yet; can be until "), moment(*card.grant_ends)};
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
            line = {words("Nobody started it in time: lapsed")};
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

}  // namespace

CardSection what_it_takes(const CardView& card) {
    CardSection section{Part::takes};
    auto& lines = section.lines;
    if (card.held) lines.push_back(on_hold(card));
    add_missing(lines, card);
    add_filled(lines, card);
    add_objections(lines, card);
    add_rules(lines, card);
    if (card.resource_typed) lines.push_back({words("Whoever approves types the resource's name.")});
    add_shadow(lines, card);
    add_next(lines, card);
    CardLine until{words("Expires "), moment(card.expires_at)};
    if (card.expires_at > card.created_at && card.created_at != Instant{})
        until.push_back(
            words(fmt::format(", {} after it was asked", time_text(card.expires_at - card.created_at))));
    lines.push_back(std::move(until));
    return section;
}

CardSection how_it_ended(const CardView& card) {
    CardSection section{Part::outcome};
    if (auto line = who_decided(card); !line.empty()) section.lines.push_back(std::move(line));
    add_reasons(section.lines, card);
    add_shadow(section.lines, card);
    add_aftermath(section.lines, card);
    return section;
}

}  // namespace countersign::core
