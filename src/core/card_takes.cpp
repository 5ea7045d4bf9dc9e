#include "core/card_takes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/card_lines.hpp"
#include "core/card_runs.hpp"
#include "core/shown.hpp"
#include "countersign/base/text.hpp"

// What a pending request still takes.
namespace countersign::core {
namespace {

using Part = CardSection::Part;

constexpr std::size_t risks_shown_max = 3;
constexpr std::size_t excluded_shown_max = 4;
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
    if (lack.could_approve.empty())
        return line.push_back(words(fmt::format(": {} not looked up yet", count_of(lack.more, "member"))));
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

// Says who is told in person only once it is day where they are; nobody is called by it.
std::vector<CardLine> told_later_lines(const CardView& card) {
    constexpr std::size_t named_max = 3;
    std::vector<CardLine> lines;
    for (std::size_t i = 0; i < card.told_later.size() && i < named_max; ++i) {
        const auto& [who, until] = card.told_later[i];
        lines.push_back(
            {words("Quiet hours: "), named(who.name), words(" is told in person "), moment(until)});
    }
    if (card.told_later.size() > named_max)
        lines.back().push_back(words(fmt::format(", and {} more later", card.told_later.size() - named_max)));
    return lines;
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
    takes.add(Takes::useful, history_lines(card));
    takes.add(Takes::needed, next_lines(card));
    takes.add(Takes::useful, claim_lines(card, in_full));
    takes.add(Takes::useful, told_later_lines(card));
    CardLine until{words("Expires "), moment(card.expires_at)};
    if (card.expires_at > card.created_at && card.created_at != Instant{})
        until.push_back(
            words(fmt::format(", {} after it was asked", time_text(card.expires_at - card.created_at))));
    takes.add(Takes::needed, {std::move(until)});
    return {Part::takes, {}, std::move(takes).within(rows_max)};
}

}  // namespace countersign::core
