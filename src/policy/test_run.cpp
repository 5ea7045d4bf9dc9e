#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <span>

#include "countersign/adapters/policy_tests.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/groups.hpp"
#include "countersign/core/match.hpp"

namespace countersign {
namespace {

std::string lacks_text(const std::vector<core::Lack>& lacks) {
    std::vector<std::string> parts;
    for (const core::Lack& lack : lacks)
        parts.push_back(fmt::format("{} of {}", lack.count, lack.group.text()));
    return parts.empty() ? "nothing" : join(parts, " and ");
}

std::string list_text(std::vector<std::string> names) {
    return names.empty() ? "nobody" : join(names, ", ");
}

std::string duration_words(core::Duration duration) {
    return duration_text(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

// Carries out one test, step by step, on the clock of that test.
class Run {
  public:
    Run(const core::Policy& policy, const PolicyTest& test) : policy_(policy), test_(test) {}

    PolicyTestResult take() && {
        const core::Request& request = test_.worded.request;
        core::Assumed assumed = test_.assumed;
        for (const PolicyTest::Vote& vote : test_.votes)
            if (!core::parts(vote.account).kind.empty()) assumed.accounts.push_back(vote.account);
        auto directory = core::assumed_directory(policy_, assumed, core::Instant::max());
        auto applied = judged(directory);
        if (!applied) {
            result_.differences.push_back("the request cannot be judged: " + applied.error().detail);
            return std::move(result_);
        }
        core::Rehearsal rehearsal{request, *applied, directory, history_of(*applied, directory)};
        tell_opening(rehearsal);
        for (const PolicyTest::Vote& vote : test_.votes) cast(rehearsal, vote);
        core::Instant last = request.created_at;
        if (!test_.votes.empty()) last += test_.votes.back().after;
        if (test_.expected.after) last = std::max(last, request.created_at + *test_.expected.after);
        remind(rehearsal, last);
        rehearsal.act(core::Tick{}, last);
        compare(rehearsal);
        return std::move(result_);
    }

  private:
    // Works out what the rules make of the request, after those before it that `history` tells of.
    Result<core::Applied> judged(const core::Directory& directory) {
        const core::Request& request = test_.worded.request;
        const core::Instant now = request.created_at;
        std::vector<core::HeldBack> known;
        for (;;) {
            auto applied = core::match(directory, request, test_.worded.expires_in, now, known);
            if (!applied) return applied;
            const core::Entry first{core::opening(request, *applied, directory, now)};
            const auto state = core::decide(request, *applied, std::span(&first, 1)).state;
            auto held =
                core::held_back_at_opening(request, *applied, state, history_of(*applied, directory), now);
            if (held.empty()) return applied;
            for (core::HeldBack& one : held) {
                if (one.kind == core::HeldBack::Kind::supersedes) {
                    result_.story.emplace_back("the request before it is ended");
                    superseded_ = true;
                } else {
                    known.push_back(std::move(one));
                }
            }
        }
    }

    // What the test says of the requests before it, as a store would bring it.
    core::History history_of(const core::Applied& applied, const core::Directory& directory) const {
        const core::Request& request = test_.worded.request;
        const PolicyTest::Before& before = test_.before;
        core::History history;
        history.name_of = [](const core::PersonId& person) { return person.text(); };
        const auto behind = core::opening(request, applied, directory, request.created_at).behind;
        const core::RequestId other{core::RequestId::Bytes{std::byte{1}}};
        const bool ahead = before.ahead && !superseded_;
        if (ahead) history.line.push_back({.id = other});
        for (core::HistoryKey& key : core::history_keys(request, applied, behind)) {
            core::HistoryRecord record;
            if (key.kind == core::HistoryKey::Kind::turns && ahead) record.line.push_back(other);
            if (key.kind == core::HistoryKey::Kind::budget) {
                const core::Budget& budget = applied.budgets[key.term];
                if (std::ranges::find(before.spent, budget.rule) != before.spent.end())
                    record.uses.push_back({request.created_at, budget.count, budget.max});
            }
            if (key.group && before.last.contains(key.group->text())) {
                auto& filled = record.last.emplace_back();
                for (const core::AccountId& account : before.last.at(key.group->text()))
                    filled.push_back(directory.person_of(account).text());
            }
            history.past.push_back({std::move(key), std::move(record)});
        }
        return history;
    }

    void tell_opening(const core::Rehearsal& rehearsal) {
        const core::Applied& applied = rehearsal.now().applied;
        result_.story.push_back(applied.rules.empty()
                                    ? "no rule matches, so the default applies"
                                    : fmt::format("rules that match: {}", join(applied.rules, ", ")));
        std::vector<std::string> unsaid;  // groups kept in a chat of which the test says nothing
        for (const core::GroupRecord& group : policy_.groups)
            if (core::kept_elsewhere(group) && !rehearsal.directory().members(group.name))
                unsaid.push_back(std::string{group.name.text()});
        for (const core::GroupId& group : core::all_groups_of(applied)) {
            if (rehearsal.directory().members(group)) continue;
            if (core::kept_manager(rehearsal.directory(), group)) {
                result_.story.push_back(fmt::format(
                    "who is {} is unknown, because a chat says that: add `managers: {{ riley: ada }}`",
                    group.text()));
                continue;
            }
            const bool in_chat = std::ranges::find(unsaid, group.text()) != unsaid.end();
            result_.story.push_back(fmt::format(
                "who is in group {} is unknown, because this test does not say who is in {}, kept in a "
                "chat: add `groups: {{ {}: [amy, ben] }}`",
                group.text(), in_chat ? "it" : join(unsaid, ", "),
                in_chat ? group.text() : join(unsaid, ": [], ")));
        }
    }

    // The clock as it would have run: each reminder and the escalation at its own time.
    void remind(core::Rehearsal& rehearsal, core::Instant until) {
        const core::Request& request = test_.worded.request;
        for (;;) {
            auto due = core::due_at(rehearsal.now(), rehearsal.ruling());
            const bool ends =
                !core::open(rehearsal.ruling().state) || !due || *due >= rehearsal.now().request->expires_at;
            if (ends || *due > until) return;
            const core::Step& step = rehearsal.act(core::Tick{}, *due);
            if (step.appended.empty()) return;
            for (const core::Entry& entry : step.appended)
                result_.story.push_back(
                    fmt::format("{} after {}", kind_of(entry), duration_words(*due - request.created_at)));
        }
    }

    // Where a vote of this account would be cast; one that is in no chat votes through the API.
    static core::Surface surface_of(const core::AccountId& account) {
        const core::ChatKind* chat = core::chat_kind(core::parts(account).kind);
        return chat ? chat->surface : core::Surface::api;
    }

    // A sign-in as the rules ask for it, by the first account that the policy lists for the voter; nullopt:
    // it lists none.
    static std::optional<core::SignIn> sign_in_of(const core::Rehearsal& rehearsal,
                                                  const core::AccountId& voter, core::Instant at) {
        const core::Directory& directory = rehearsal.directory();
        const core::PersonId* person = directory.listed_as(voter);
        if (person == nullptr) return std::nullopt;
        for (const core::AccountId& account : directory.accounts_of(*person)) {
            if (core::parts(account).kind != "oidc" || !directory.listed_in_policy(account)) continue;
            core::SignIn made{account, {}, {}, at};
            for (const core::StepUp& asked : rehearsal.now().applied->step_up) {
                if (!asked.acr.empty()) made.acr = asked.acr.front();
                made.amr.insert(made.amr.end(), asked.amr.begin(), asked.amr.end());
            }
            return made;
        }
        return std::nullopt;
    }

    void cast(core::Rehearsal& rehearsal, const PolicyTest::Vote& vote) {
        const core::Request& request = test_.worded.request;
        remind(rehearsal, request.created_at + vote.after);
        const core::Instant at = request.created_at + vote.after;
        core::Cast ballot{vote.account, vote.verdict, vote.reason, surface_of(vote.account),
                          {},           vote.resource};
        if (vote.sign_in) ballot.sign_in = sign_in_of(rehearsal, vote.account, at);
        ballot.overdue_reviews.emplace();  // a test knows of no other request
        const core::Step& step = rehearsal.act(ballot, at);
        std::string what = fmt::format("{} {}", visible(vote.by), core::name_of(vote.verdict));
        std::string got = step.refusal ? std::string{core::code_of(step.refusal->why)} : "";
        result_.story.push_back(step.refusal
                                    ? fmt::format("{}: refused ({}): {}", what, got, step.refusal->sentence)
                                    : fmt::format("{}: recorded, then {}", what, name_of(step.ruling.state)));
        if (vote.refused && *vote.refused != got)
            result_.differences.push_back(fmt::format("vote `{}`: expected refused ({}), got {}", what,
                                                      visible(*vote.refused),
                                                      got.empty() ? "recorded" : "refused (" + got + ")"));
    }

    void differ(std::string_view what, std::string_view expected, std::string_view got) {
        if (expected != got)
            result_.differences.push_back(fmt::format("{}: expected {}, got {}", what, expected, got));
    }

    void compare(const core::Rehearsal& rehearsal) {
        const PolicyTest::Expected& expected = test_.expected;
        const core::Applied& applied = rehearsal.now().applied;
        const core::Ruling ruling = rehearsal.ruling();
        if (expected.state) differ("state", name_of(*expected.state), name_of(ruling.state));
        if (expected.rules) {
            auto rules = [](std::vector<std::string> names) {
                std::ranges::sort(names);
                return names.empty() ? std::string{"none"} : join(names, ", ");
            };
            differ("rules", rules(*expected.rules), rules(applied.rules));
        }
        if (expected.shadow) {
            auto on_trial = applied.shadow ? applied.shadow->rules : std::vector<std::string>{};
            std::ranges::sort(on_trial);
            differ("shadow", expected.shadow->empty() ? "none" : join(*expected.shadow, ", "),
                   on_trial.empty() ? "none" : join(on_trial, ", "));
        }
        if (expected.reason && !matches_text(*expected.reason, ruling.reason))
            differ("reason", "\"" + visible(*expected.reason) + "\"", "\"" + visible(ruling.reason) + "\"");
        if (expected.held) {
            auto by = [](const std::string& who) { return who.empty() ? "not held" : "held by " + who; };
            differ("held", by(*expected.held), by(ruling.held ? ruling.held->person.text() : ""));
        }
        if (expected.expires)
            differ("expires", duration_words(*expected.expires), duration_words(applied.expires));
        if (expected.grant) differ("grant", duration_words(*expected.grant), duration_words(applied.grant));
        if (expected.risk)
            differ("risk", std::to_string(*expected.risk), std::to_string(applied.risk.value_or(0)));
        compare_counted(ruling);
        compare_nudges(rehearsal.now());
        compare_hidden(applied);
        if (expected.missing)
            compare_missing(core::lacking(rehearsal.now(), ruling, rehearsal.directory()), *expected.missing);
    }

    void compare_nudges(const core::Case& c) {
        std::int64_t reminded = 0;
        std::vector<std::string> escalated;
        for (const core::Entry& entry : c.entries) {
            if (std::holds_alternative<core::Reminded>(entry)) ++reminded;
            if (!std::holds_alternative<core::Escalated>(entry) || !c.applied->escalate) continue;
            escalated = core::all_channels(c.applied->escalate->to);
            std::ranges::sort(escalated);
        }
        const PolicyTest::Expected& expected = test_.expected;
        if (expected.reminded)
            differ("reminded", std::to_string(*expected.reminded) + " times",
                   std::to_string(reminded) + " times");
        if (expected.escalated) differ("escalated", list_text(*expected.escalated), list_text(escalated));
    }

    void compare_hidden(const core::Applied& applied) {
        std::vector<std::string> hidden;
        for (const std::string& pointer : test_.worded.sensitive) {
            const bool there = core::may_hide(applied, pointer);
            if (there) hidden.push_back(pointer);
            if (!there)
                result_.story.push_back(fmt::format(
                    "no matching rule hides {}: the real request would be refused", visible(pointer)));
        }
        std::ranges::sort(hidden);
        if (test_.expected.hidden) differ("hidden", list_text(*test_.expected.hidden), list_text(hidden));
    }

    void compare_counted(const core::Ruling& ruling) {
        for (const auto& [person, group] : test_.expected.counted) {
            auto vote = std::ranges::find(ruling.votes, person,
                                          [](const core::VoteMark& mark) { return mark.person.text(); });
            std::string got = "no vote of theirs";
            if (vote != ruling.votes.end()) got = vote->counted_for ? vote->counted_for->text() : "no slot";
            if (vote != ruling.votes.end() && vote->counted_for && names_group(group, *vote->counted_for))
                continue;
            differ(fmt::format("vote of {} counted for", visible(person)), group, got);
        }
    }

    // A group may be named without whom it leaves out.
    static bool names_group(const std::string& name, const core::GroupId& group) {
        return group.text() == name || core::group_before_not_from(group).text() == name;
    }
    static bool same(const std::vector<PolicyTest::Lack>& expected, const std::vector<core::Lack>& got) {
        return expected.size() == got.size() && std::ranges::all_of(expected, [&](const auto& one) {
                   return std::ranges::any_of(got, [&](const core::Lack& lack) {
                       return names_group(one.group, lack.group) && lack.count == one.count &&
                              (!one.could_approve || *one.could_approve == names(lack));
                   });
               });
    }
    static std::vector<std::string> names(const core::Lack& lack) {
        std::vector<std::string> all;
        for (const core::PersonId& person : lack.could_approve) all.push_back(person.text());
        std::ranges::sort(all);
        return all;
    }

    void compare_missing(const std::vector<std::vector<core::Lack>>& got,
                         const std::vector<std::vector<PolicyTest::Lack>>& expected) {
        auto found = [&](const auto& one) {
            return std::ranges::any_of(got, [&](const auto& other) { return same(one, other); });
        };
        if (expected.size() == got.size() && std::ranges::all_of(expected, found)) return;
        std::vector<std::vector<core::Lack>> wanted;
        bool people = false;
        for (const auto& lacks : expected) {
            wanted.emplace_back();
            for (const PolicyTest::Lack& lack : lacks) {
                core::Lack one{core::GroupId{lack.group}, lack.count, {}};
                people = people || lack.could_approve.has_value();
                for (const std::string& name : lack.could_approve.value_or(std::vector<std::string>{}))
                    one.could_approve.emplace_back(name);
                wanted.back().push_back(std::move(one));
            }
        }
        result_.differences.push_back(
            fmt::format("missing: expected {}, got {}", missing_text(wanted), missing_text(got)));
        if (!people) return;
        auto who = [&](const std::vector<std::vector<core::Lack>>& alternatives, std::string_view word) {
            for (const auto& lacks : alternatives)
                for (const core::Lack& lack : lacks)
                    result_.differences.push_back(fmt::format("  {}: {} could approve for {}", word,
                                                              list_text(names(lack)), lack.group.text()));
        };
        who(wanted, "expected");
        who(got, "got");
    }

    // `*` stands for any text.
    static bool matches_text(std::string_view pattern, std::string_view text) {
        auto pieces = split(pattern, '*');
        if (pieces.size() == 1) return pattern == text;
        if (!text.starts_with(pieces.front())) return false;
        std::size_t at = pieces.front().size();
        for (std::size_t i = 1; i + 1 < pieces.size(); ++i) {
            at = text.find(pieces[i], at);
            if (at == std::string_view::npos) return false;
            at += pieces[i].size();
        }
        return text.size() >= at + pieces.back().size() && text.ends_with(pieces.back());
    }

    const core::Policy& policy_;
    const PolicyTest& test_;
    bool superseded_ = false;  // the request that the test says was ahead
    PolicyTestResult result_;
};

}  // namespace

std::string missing_text(const std::vector<std::vector<core::Lack>>& alternatives) {
    std::vector<std::string> parts;
    for (const auto& lacks : alternatives) parts.push_back(lacks_text(lacks));
    return parts.empty() ? "nothing" : join(parts, ", or ");
}

std::string slots_text(const std::vector<core::Slots>& alternatives) {
    std::vector<std::string> all;
    for (const core::Slots& slots : alternatives) {
        std::vector<std::string> parts;
        for (const core::CountOf& one : slots.groups)
            parts.push_back(fmt::format("{} of {}", one.count, one.of.text()) +
                            (one.not_last == 0 ? "" : fmt::format(" (not of the last {})", one.not_last)));
        all.push_back(parts.empty() ? "nothing" : join(parts, " and "));
    }
    return all.empty() ? "nothing" : join(all, ", or ");
}

PolicyTestResult run_policy_test(const core::Policy& policy, const PolicyTest& test) {
    return Run{policy, test}.take();
}

}  // namespace countersign
