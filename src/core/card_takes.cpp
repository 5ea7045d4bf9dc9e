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
constexpr std::size_t excluded_shown_max = 4;
constexpr std::size_t closed_shown_max = 2;
constexpr std::size_t closed_shown_in_full_max = 40;

bool runs_a_command(const CardView& card) {
    return card.parameters && (*card.parameters)["argv"].items() != nullptr;
}

// The lines of what it takes, each as important as what it is about.
class Takes {
  public:
    enum About : std::uint8_t { dispensable, useful, needed };

    void add(About about, std::vector<CardLine> lines) {
        for (CardLine& line : lines) {
            rows_ += rows_of(line);
            lines_.push_back({about, std::move(line)});
        }
    }
    // Leaves out what is least important, the last of it first, and says so.
    std::vector<CardLine> within(std::size_t rows_max) && {
        bool cut = false;
        for (About least : {dispensable, useful}) {
            for (std::size_t i = lines_.size(); i-- > 0 && rows_ + (cut ? 1 : 0) > rows_max;) {
                if (lines_[i].about != least) continue;
                rows_ -= rows_of(lines_[i].line);
                lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(i));
                cut = true;
            }
        }
        std::vector<CardLine> all;
        for (Line& one : lines_) all.push_back(std::move(one.line));
        if (cut) all.push_back({words("More on what it takes: Details")});
        return all;
    }

  private:
    struct Line {
        About about;
        CardLine line;
    };
    std::vector<Line> lines_;
    std::size_t rows_ = 0;
};

std::string time_text(Duration span) {
    return duration_text(std::chrono::duration_cast<std::chrono::seconds>(span).count());
}

// "1 of security: @ben, @cat and 4 more"; "then 1 of dba: @cat" where others come first.
void push_lack(CardLine& line, const CardLack& lack, const CardView& card) {
    const bool some = std::ranges::any_of(card.votes, [&](const CardVote& vote) {
        return vote.counted_for && *vote.counted_for == lack.group;
    });
    if (lack.later) line.push_back(words("then "));
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

std::vector<CardLine> missing_lines(const CardView& card) {
    std::vector<CardLine> lines;
    const bool several = card.missing.size() > 1;
    if (std::ranges::any_of(card.missing, &std::vector<CardLack>::empty)) return lines;  // one way is filled
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
    return lines;
}

// "✓ dba: @amy · security: @cat"
std::vector<CardLine> filled_lines(const CardView& card) {
    std::vector<CardLine> lines;
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
    return lines;
}

// The next voter is told where the last approval came faster than anybody reads.
std::vector<CardLine> haste_lines(const CardView& card) {
    const CardVote* last = nullptr;
    for (const CardVote& vote : card.votes)
        if (vote.verdict == Verdict::approve && (last == nullptr || vote.at >= last->at)) last = &vote;
    if (last == nullptr || !last->after_card || *last->after_card > hasty_within) return {};
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(*last->after_card).count();
    return {
        {strong("Look closely: "), person(last->who),
         words(fmt::format(" approved {}.{} s after the card was there.", ms / 1'000, ms % 1'000 / 100))}};
}

// "Since 14:20 also whoever is in security" once the escalation is on record, "From 14:20 on" before.
std::vector<CardLine> widening_lines(const CardView& card) {
    std::vector<CardLine> lines;
    if (!card.terms.widening) return lines;
    CardLine line{words(card.terms.widening->on ? "Since " : "From "), moment(card.terms.widening->from),
                  words(card.terms.widening->on ? " also whoever is in " : " on also whoever is in ")};
    for (std::size_t i = 0; i < card.terms.widening->groups.size(); ++i) {
        if (i > 0) line.push_back(words(" and "));
        line.push_back(named(card.terms.widening->groups[i]));
    }
    lines.push_back(std::move(line));
    return lines;
}

// Whose approvals do not count although they do not ask, as the authors of a change.
std::vector<CardLine> excluded_lines(const CardView& card, bool in_full) {
    std::vector<CardLine> lines;
    if (card.terms.excluded.empty()) return lines;
    CardLine line{words("May not approve: ")};
    push_people(line, card.terms.excluded, 0, in_full ? card.terms.excluded.size() : excluded_shown_max);
    lines.push_back(std::move(line));
    return lines;
}

// When an approval is of no use: "from 22:00 to 06:00, nor from …".
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
std::vector<CardLine> claim_lines(const CardView& card, bool in_full) {
    std::vector<CardLine> lines;
    CardLine line;
    if (card.terms.claim_from)
        line = {words("Can start "), moment(*card.terms.claim_from), words(" at the earliest")};
    if (!card.terms.claim_closed.empty()) {
        line.push_back(words(line.empty() ? "Cannot start " : ", not "));
        push_closed(line, card, in_full ? closed_shown_in_full_max : closed_shown_max);
    }
    if (!line.empty()) lines.push_back(std::move(line));
    return lines;
}

// They are said only where one denial is not enough.
std::vector<CardLine> objection_lines(const CardView& card) {
    std::vector<CardLine> lines;
    if (card.objections.empty()) return lines;
    CardLine line{strong("Denied"), words(" once")};
    for (std::size_t i = 0; i < card.objections.size() && i < groups_shown_max; ++i) {
        const auto& one = card.objections[i];
        line.push_back(words(fmt::format("{} {} of ", i == 0 ? "" : ", or", one.count)));
        line.push_back(named(one.group));
        line.push_back(words(fmt::format(" deny it ({} so far)", one.given)));
    }
    if (card.one_denial_ends) line.push_back(words(", or anybody who could approve it"));
    lines.push_back(std::move(line));
    return lines;
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
std::vector<CardLine> rule_lines(const CardView& card) {
    std::vector<CardLine> lines;
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
    return lines;
}

// "On trial, rule `shells` would have asked 2 of security; it holds nothing."
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

// What nobody will have seen is said before anything is approved.
std::vector<CardLine> session_lines(const CardView& card) {
    if (!card.session) return {};
    return {{strong("This approves what nobody has seen yet"),
             words(fmt::format(
                 ": for {} from the approval on, up to {} times, the same caller does whatever "
                 "fits what stands here without asking. In a text, * stands for anything. Anybody who could "
                 "approve it can revoke it.",
                 time_text(card.session->lasts), card.session->uses))}};
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

std::vector<CardLine> next_lines(const CardView& card) {
    std::vector<CardLine> lines;
    const std::size_t left = approvals_left(card);
    const bool at_once = !card.terms.claim_from && card.terms.claim_closed.empty();
    const std::string then = !runs_a_command(card) ? "."
                             : at_once             ? ": the command then runs."
                                                   : ": the command runs once it may start.";
    if (card.held) {
        lines.push_back(
            {words(left == 0 ? "Everything needed is there: releasing the hold decides" + then
                             : "Approvals are recorded, but decide nothing while it is on hold.")});
    } else if (left == 1) {
        lines.push_back({strong("The next approval decides"), words(then)});
    } else if (left > 1) {
        lines.push_back({words(fmt::format("{} approvals decide{}", left, then))});
    }
    if (card.terms.reason_required && !lines.empty())
        lines.back().push_back(words(" Each approval needs a reason."));
    return lines;
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

}  // namespace

CardSection what_it_takes(const CardView& card, std::size_t rows_max) {
    const bool in_full = rows_max == SIZE_MAX;
    Takes takes;
    if (card.held) takes.add(Takes::needed, {on_hold(card)});
    takes.add(Takes::needed, session_lines(card));
    takes.add(Takes::needed, missing_lines(card));
    takes.add(Takes::useful, haste_lines(card));
    takes.add(Takes::useful, narrowed_lines(card));
    takes.add(Takes::useful, widening_lines(card));
    takes.add(Takes::useful, filled_lines(card));
    takes.add(Takes::useful, excluded_lines(card, in_full));
    takes.add(Takes::dispensable, objection_lines(card));
    takes.add(Takes::useful, rule_lines(card));
    if (card.resource_typed)
        takes.add(Takes::needed, {{words("Whoever approves types the resource's name.")}});
    if (card.step_up)
        takes.add(Takes::needed, {{words("Whoever approves signs in for it, in the browser.")}});
    takes.add(Takes::useful, shadow_lines(card));
    takes.add(Takes::needed, next_lines(card));
    takes.add(Takes::useful, claim_lines(card, in_full));
    CardLine until{words("Expires "), moment(card.expires_at)};
    if (card.expires_at > card.created_at && card.created_at != Instant{})
        until.push_back(
            words(fmt::format(", {} after it was asked", time_text(card.expires_at - card.created_at))));
    takes.add(Takes::needed, {std::move(until)});
    return {Part::takes, {}, std::move(takes).within(rows_max)};
}

CardSection how_it_ended(const CardView& card) {
    CardSection section{Part::outcome};
    if (auto line = who_decided(card); !line.empty()) section.lines.push_back(std::move(line));
    add_reasons(section.lines, card);
    for (auto& line : shadow_lines(card)) section.lines.push_back(std::move(line));
    for (auto& line : narrowed_lines(card)) section.lines.push_back(std::move(line));
    add_aftermath(section.lines, card);
    return section;
}

}  // namespace countersign::core
