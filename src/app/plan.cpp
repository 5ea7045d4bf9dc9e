#include "countersign/app/plan.hpp"

#include <algorithm>
#include <utility>

#include "app/card_targets.hpp"
#include "countersign/base/check.hpp"
#include "countersign/base/overload.hpp"

namespace countersign::app {
namespace {

std::string_view type_of(const core::Entry& entry, core::State after) {
    return std::visit(
        Overload{[](const core::Opened&) { return std::string_view("request.created"); },
                 [](const core::Voted&) { return std::string_view("request.voted"); },
                 [](const core::Held&) { return std::string_view("request.held"); },
                 [](const core::Released&) { return std::string_view("request.released"); },
                 [](const core::Rejudged&) { return std::string_view("request.rejudged"); },
                 [&](const core::Lapsed&) {
                     return after == core::State::lapsed ? std::string_view("request.lapsed")
                                                         : std::string_view("request.expired");
                 },
                 [](const core::Cancelled&) { return std::string_view("request.cancelled"); },
                 [](const core::Claimed&) { return std::string_view("request.claimed"); },
                 [](const core::Reported& e) {
                     return e.succeeded ? std::string_view("request.succeeded")
                                        : std::string_view("request.failed");
                 },
                 [](const core::Reminded&) { return std::string_view("request.reminded"); },
                 [](const core::Escalated&) { return std::string_view("request.escalated"); },
                 [](const core::Used&) { return std::string_view("request.used"); },
                 [](const core::Reviewed&) { return std::string_view("breakglass.reviewed"); },
                 [](const core::ReviewOverdue&) { return std::string_view("breakglass.overdue"); }},
        entry);
}

// Decisions are facts of their own, beside the entry that brought them about.
std::string_view decision_of(core::State state) {
    switch (state) {
        case core::State::approved:
            return "request.approved";
        case core::State::denied:
            return "request.denied";
        case core::State::refused:
            return "request.refused";
        default:
            return {};
    }
}

std::uint32_t quorum_of(const core::Case& c) {
    const core::Applied& applied = c.applied;
    if (applied.kind != core::Applied::Kind::require || applied.alternatives.empty()) return 0;
    // What a session covers was approved beforehand, with the session.
    if (std::get<core::Opened>(c.entries.front()).session) return 0;
    std::uint32_t least = UINT32_MAX;
    for (const auto& slots : applied.alternatives) {
        std::uint32_t sum = 0;
        for (const auto& group : slots.groups) sum += group.count;
        least = std::min(least, sum);
    }
    return least;
}

// The last word on who is behind the request: said when it was opened, and again when links changed.
const std::vector<core::PersonId>& behind(const core::Case& c) {
    for (auto entry = c.entries.rbegin(); entry != c.entries.rend(); ++entry)
        if (const auto* again = std::get_if<core::Rejudged>(&*entry)) return again->behind;
    return std::get<core::Opened>(c.entries.front()).behind;
}

// The state of one planning: the case as it grows, and what is to be written of it.
class Planning {
  public:
    Planning(OnRecord& record, core::Instant now, const core::History& history)
        : record_(record), history_(history), now_(std::max(now, core::at_of(record.c.entries.back()))) {}

    void take(const PlanCommand& command) {
        if (answered_from_record(command)) return;
        const Append& what = *command.append;
        core::Step step =
            core::advance(record_.c, what.command, *what.directory, now_, what.age_max, history_);
        if (record_.words_erased && !step.appended.empty()) {
            made_.answers.emplace_back(
                fail(Trouble::conflict, "the texts of this request were erased: it cannot go on"));
            return;
        }
        const std::size_t first_new = record_.c.entries.size();
        for (std::size_t i = 0; i < step.appended.size(); ++i) {
            bool last = i + 1 == step.appended.size();
            add(command, std::move(step.appended[i]), last ? &step : nullptr);
        }
        if (!record_.words_erased) note_refusal(what, step);
        made_.ruling = step.ruling;
        made_.answers.emplace_back(Appended{.now = with_ruling(record_.c, std::move(step.ruling)),
                                            .refusal = std::move(step.refusal),
                                            .first_new = first_new,
                                            .repeat = false});
    }
    Plan finished() { return std::move(made_); }

  private:
    bool answered_from_record(const PlanCommand& command) {
        if (command.origin.empty()) return false;
        auto seen = std::ranges::find(record_.origins, command.origin);
        if (seen == record_.origins.end()) return false;
        auto index = static_cast<std::size_t>(seen - record_.origins.begin());
        // What an earlier attempt of ours may have written is no repeat to whoever sent it.
        made_.answers.emplace_back(
            Appended{.now = with_ruling(record_.c),
                     .refusal = {},
                     .first_new = command.maybe_ours ? index : record_.c.entries.size(),
                     .repeat = !command.maybe_ours,
                     .repeated = index});
        return true;
    }

    // `last`: this is the step's last entry, so its ruling is the one after it.
    void add(const PlanCommand& command, core::Entry entry, const core::Step* last) {
        core::State before = record_.state;
        bool escalates = std::holds_alternative<core::Escalated>(entry);
        record_.c.entries.push_back(std::move(entry));
        record_.state = last ? last->ruling.state : core::decide(record_.c).state;
        // A command that was refused leaves no trace of itself: come again, it is judged again.
        bool accepted = last && !last->refusal;
        record_.origins.push_back(accepted ? command.origin : std::string{});
        made_.entries.push_back({.version = record_.c.version(),
                                 .before = before,
                                 .after = record_.state,
                                 .origin = record_.origins.back(),
                                 .command = made_.answers.size()});
        if (escalates) escalate(command);
        if (before == core::State::pending && record_.state == core::State::approved)
            made_.records = core::after_approval(record_.c, last ? last->ruling : core::decide(record_.c),
                                                 history_, now_);
    }

    void escalate(const PlanCommand& command) {
        auto targets = escalation_targets(record_.c.applied, command.append->served);
        for (std::size_t i = 0; i < targets.size(); ++i) {
            auto chance = command.chance;
            chance.back() = static_cast<std::byte>(std::to_integer<unsigned>(chance.back()) + i);
            made_.cards.push_back({core::CardId::mint(now_, chance), std::move(targets[i])});
        }
    }

    void note_refusal(const Append& what, const core::Step& step) {
        const auto* cast = std::get_if<core::Cast>(&what.command);
        if (!cast || !step.refusal || step.refusal->why == core::Why::repeated) return;
        // It is looked up then, and the vote is judged again.
        if (step.refusal->why == core::Why::reviews_unknown) return;
        // Whoever presses Approve in a chat is led to the sign-in: that is on the way, and no refusal.
        const bool on_the_way = step.refusal->why == core::Why::step_up_required && !cast->sign_in;
        if (on_the_way && cast->via != core::Surface::api) return;
        made_.refused.push_back({.person = what.directory->person_of(cast->account),
                                 .account = cast->account,
                                 .verdict = cast->verdict,
                                 .via = cast->via,
                                 .why = step.refusal->why,
                                 .sentence = step.refusal->sentence,
                                 .at = now_,
                                 .version = record_.c.version(),
                                 .state = record_.state,
                                 .command = made_.answers.size()});
    }

    OnRecord& record_;
    const core::History& history_;
    const core::Instant now_;
    Plan made_;
};

}  // namespace

core::Value facts_of(const RefusedVote& vote) {
    return core::Value::object({{"account", vote.account.text()},
                                {"reason", vote.sentence},
                                {"verdict", core::name_of(vote.verdict)},
                                {"via", core::name_of(vote.via)},
                                {"who", vote.person.text()},
                                {"why", core::code_of(vote.why)}});
}

std::vector<std::string_view> events_of(const core::Entry& entry, core::State before, core::State after) {
    std::vector<std::string_view> types{type_of(entry, after)};
    if (core::is_self_approval(entry)) types.emplace_back("breakglass.used");
    if (before != after && !decision_of(after).empty()) types.push_back(decision_of(after));
    return types;
}

Summary summary_of(const core::Case& c, const core::Ruling& ruling) {
    Summary summary{.version = c.version(),
                    .state = ruling.state,
                    .due_at = core::due_at(c, ruling),
                    .counted = {},
                    .quorum = quorum_of(c),
                    .behind = core::barred(c.applied, behind(c)),
                    .review_due = {}};
    if (ruling.review && ruling.review->open()) summary.review_due = ruling.review->due;
    for (const auto& vote : ruling.votes)
        if (vote.counted_for && vote.verdict == core::Verdict::approve)
            summary.counted.push_back(vote.person);
    return summary;
}

Opening plan_opening(const core::Request& request, const core::Applied& applied,
                     const core::Directory& directory, core::Instant now) {
    Opening opening{core::opening(request, applied, directory, now), {}};
    const core::Entry first{opening.opened};
    opening.ruling = core::decide(request, applied, std::span(&first, 1));
    return opening;
}

std::vector<core::HistoryKey> history_keys_of(const core::Case& c) {
    return core::history_keys(c.request, c.applied, behind(c));
}

std::vector<core::HistoryKey> history_keys_of(const NewCase& fresh) {
    if (fresh.opened.dead_end) return {};
    return core::history_keys(fresh.request, fresh.applied, fresh.opened.behind);
}

OpenedCase kept_back(const NewCase& fresh, std::vector<core::HeldBack> held_back) {
    return {.opened = {fresh.request, fresh.applied, {core::Entry{fresh.opened}}},
            .ruling = fresh.ruling,
            .held_back = std::move(held_back)};
}

JudgedOpening judge_opening(const NewCase& fresh, const core::History& history, core::Instant now) {
    now = std::max(now, fresh.opened.at);
    JudgedOpening judged;
    judged.held_back =
        core::held_back_at_opening(fresh.request, fresh.applied, fresh.ruling.state, history, now);
    if (!judged.held_back.empty()) return judged;
    const core::Case c{fresh.request, fresh.applied, {core::Entry{fresh.opened}}};
    judged.records = core::after_opening(c, fresh.ruling, history, now);
    return judged;
}

Plan plan(OnRecord& record, std::span<const PlanCommand> commands, core::Instant now,
          const core::History& history) {
    COUNTERSIGN_CHECK(!record.c.entries.empty() && record.origins.size() == record.c.entries.size());
    Planning planning(record, now, history);
    for (const PlanCommand& command : commands) planning.take(command);
    return planning.finished();
}

}  // namespace countersign::app
