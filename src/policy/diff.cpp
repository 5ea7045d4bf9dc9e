#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "countersign/adapters/policy_diff.hpp"
#include "countersign/adapters/policy_tests.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/match.hpp"
#include "policy/samples.hpp"

namespace countersign {
namespace {

using core::Applied;
using core::Value;
using Direction = PolicyDifference::Direction;

std::string outcome_of(const Result<Applied>& applied) {
    if (!applied) return "fails: " + applied.error().detail;
    if (applied->kind == Applied::Kind::refuse) return "refused";
    if (applied->kind == Applied::Kind::allow) return "allowed";
    return "needs " + slots_text(applied->alternatives);
}

// ", at most 20 requests within 1h", ", one at a time of the same action"
std::string history_text(const Applied& applied) {
    std::string text;
    for (const core::Budget& one : applied.budgets)
        text += fmt::format(", at most {}{}", core::budget_text(one), core::common_text(one.by));
    for (const core::Turns& one : applied.turns)
        text += fmt::format(", one at a time of the same {}", join(one.by, " and "));
    return text;
}

bool fills(const core::Slots& given, const core::Slots& wanted) {
    return std::ranges::all_of(wanted.groups, [&](const core::CountOf& one) {
        return std::ranges::any_of(given.groups, [&](const core::CountOf& other) {
            return other.of == one.of && other.count >= one.count && other.not_last >= one.not_last;
        });
    });
}

// Tells whether each way to approve waits for as much as some way of the other that it fills.
bool keeps_order(const Applied& these, const Applied& others) {
    auto waits = [](const core::Slots& given, const core::Slots& wanted) {
        return std::ranges::all_of(wanted.groups, [&](const core::CountOf& one) {
            auto same = std::ranges::find(given.groups, one.of, &core::CountOf::of);
            return same != given.groups.end() &&
                   std::ranges::all_of(one.after, [&](const core::GroupId& group) {
                       return std::ranges::find(same->after, group) != same->after.end();
                   });
        });
    };
    return std::ranges::all_of(these.alternatives, [&](const core::Slots& one) {
        return std::ranges::any_of(others.alternatives, [&](const core::Slots& other) {
            return fills(one, other) && waits(one, other);
        });
    });
}

int level(const Result<Applied>& applied) {
    if (!applied || applied->kind == Applied::Kind::refuse) return 2;
    return applied->kind == Applied::Kind::require ? 1 : 0;
}

// Writes "needs 1 of g instead of 2 of g".
std::string instead(const Result<Applied>& now, const Result<Applied>& then) {
    std::string was = outcome_of(then);
    const std::string is = outcome_of(now);
    constexpr std::string_view needs = "needs ";
    if (is.starts_with(needs) && was.starts_with(needs)) was.erase(0, needs.size());
    return fmt::format("{} instead of {}", is, was);
}

// Tells whether people of some group end a request by so many denials under the other terms, and not under
// these.
bool fewer_deniers(const core::Denial& these, const core::Denial& others) {
    return std::ranges::any_of(others.counts, [&](const core::CountOf& one) {
        return std::ranges::none_of(these.counts, [&](const core::CountOf& other) {
            return other.of == one.of && other.count <= one.count;
        });
    });
}

// People of all these groups may release, and of none where there are none.
bool more_release(const std::vector<core::GroupId>& these, const std::vector<core::GroupId>& others) {
    return !these.empty() && (others.empty() || std::ranges::any_of(others, [&](const core::GroupId& one) {
                                  return std::ranges::find(these, one) == these.end();
                              }));
}

// A reader is in one group of every list; with no list every full member is one.
bool more_readers(const std::vector<std::vector<core::GroupId>>& these,
                  const std::vector<std::vector<core::GroupId>>& others) {
    auto within = [](const std::vector<core::GroupId>& some, const std::vector<core::GroupId>& all) {
        return std::ranges::all_of(
            some, [&](const core::GroupId& one) { return std::ranges::find(all, one) != all.end(); });
    };
    return std::ranges::any_of(others, [&](const auto& asked) {
        return std::ranges::none_of(these, [&](const auto& list) { return within(list, asked); });
    });
}

// Says which budgets and turns of the other are not kept by these.
std::vector<std::string> wider_history(const Applied& these, const Applied& others) {
    std::vector<std::string> all;
    for (const core::Budget& one : others.budgets) {
        const bool kept = std::ranges::any_of(these.budgets, [&](const core::Budget& other) {
            const bool same = other.sum == one.sum && (other.count == 0) == (one.count == 0);
            // A budget that fewer requests share is a larger one.
            const bool shared = std::ranges::includes(one.by, other.by);
            return same && shared && other.per >= one.per && other.count <= one.count && other.max <= one.max;
        });
        if (!kept)
            all.push_back(fmt::format("a budget of {}{} is gone or larger", core::budget_text(one),
                                      core::common_text(one.by)));
    }
    for (const core::Turns& one : others.turns) {
        const bool kept = std::ranges::any_of(
            these.turns, [&](const core::Turns& other) { return std::ranges::includes(one.by, other.by); });
        if (!kept)
            all.push_back(fmt::format("requests with the same {} need not wait for one another",
                                      join(one.by, " and ")));
    }
    return all;
}

// Says what of the one lets more through than the other does; empty: nothing.
std::vector<std::string> looser(const Result<Applied>& loose, const Result<Applied>& strict) {
    if (level(loose) != level(strict) || level(loose) == 2)
        return level(loose) < level(strict) ? std::vector{instead(loose, strict)}
                                            : std::vector<std::string>{};
    std::vector<std::string> all;
    const bool as_many = std::ranges::all_of(loose->alternatives, [&](const core::Slots& one) {
        return std::ranges::any_of(strict->alternatives,
                                   [&](const core::Slots& other) { return fills(one, other); });
    });
    if (level(loose) == 1 && !as_many) all.push_back(instead(loose, strict));
    if (level(loose) == 1 && as_many && !keeps_order(*loose, *strict))
        all.push_back("approvals need not come one after the other");
    auto words = [](core::Duration one) {
        return duration_text(std::chrono::duration_cast<std::chrono::seconds>(one).count());
    };
    if (loose->grant > strict->grant)
        all.push_back(fmt::format("an approval may be claimed for {} instead of {}", words(loose->grant),
                                  words(strict->grant)));
    for (std::string& what : wider_history(*loose, *strict)) all.push_back(std::move(what));
    if (more_readers(loose->visible_to, strict->visible_to)) all.emplace_back("more people may read it");
    if (loose->claim_after < strict->claim_after) all.push_back("an approval may be claimed sooner");
    if (loose->claim_closed != strict->claim_closed &&
        loose->claim_closed.size() < strict->claim_closed.size())
        all.push_back("an approval may be claimed at more times");
    if (level(loose) == 0) return all;
    if (loose->self_approval && loose->self_approval != strict->self_approval)
        all.push_back("more people may approve what they ask for themselves");
    if (loose->delegate && !strict->delegate)
        all.push_back("whoever is away may have somebody else fill their slot");
    if (loose->unlinked_allowed && !strict->unlinked_allowed)
        all.push_back("voters need not be shown to be somebody else");
    if (loose->session && loose->session != strict->session &&
        (!strict->session || loose->session->max > strict->session->max ||
         loose->session->uses > strict->session->uses))
        all.push_back("a session may approve more that nobody has seen");
    if (!loose->reason_required && strict->reason_required) all.push_back("an approval needs no reason");
    if (!loose->resource_typed && strict->resource_typed)
        all.push_back("an approval does not take the resource's name");
    for (const core::StepUp& one : strict->step_up)
        if (std::ranges::find(loose->step_up, one) == loose->step_up.end()) {
            all.push_back("an approval does not take the same sign-in");
            break;
        }
    if (loose->widening && loose->widening != strict->widening) all.push_back("an escalation adds approvers");
    if (!loose->deny.any && strict->deny.any) all.push_back("one denial no longer ends it");
    if (fewer_deniers(loose->deny, strict->deny)) all.push_back("it takes more to deny it");
    if (more_release(loose->release, strict->release)) all.push_back("more people may release a hold");
    if (std::ranges::any_of(loose->hide, [&](const std::string& one) {
            return std::ranges::find(strict->hide, one) == strict->hide.end();
        }))
        all.push_back("more may be hidden from whoever approves");
    for (const core::Exclusion& one : strict->exclude)
        if (std::ranges::find(loose->exclude, one) == loose->exclude.end())
            all.push_back(fmt::format("whom {} names may approve", one.field));
    return all;
}

Value example_of(const core::Request& request) {
    Value body = Value::object({{"action", request.action}, {"at", core::rfc3339(request.created_at)}});
    if (request.resource) body.set("resource", *request.resource);
    if (request.environment) body.set("environment", *request.environment);
    if (!request.intent.empty()) body.set("intent", request.intent);
    if (request.parameters) body.set("parameters", *request.parameters);
    if (!request.labels.empty()) {
        Value labels = Value::object();
        for (const auto& [name, text] : request.labels) labels.set(name, text);
        body.set("labels", std::move(labels));
    }
    auto accounts = [](const std::vector<core::AccountId>& list) {
        Value all = Value::array();
        for (const core::AccountId& one : list) all.push(one.text());
        return all;
    };
    if (!request.on_behalf_of.empty()) body.set("on_behalf_of", accounts(request.on_behalf_of));
    const bool person = request.requester.kind == core::Requester::Kind::person;
    Value requester =
        Value::object({{"name", request.requester.name}, {"kind", person ? "person" : "workload"}});
    if (!request.requester.humans.empty()) requester.set("humans", accounts(request.requester.humans));
    if (request.requester.claims) requester.set("claims", *request.requester.claims);
    body.set("requester", std::move(requester));
    return body;
}

std::string place_of(const core::Request& request) {
    return visible(request.action) + (request.environment ? " in " + visible(*request.environment) : "");
}

// Writes what a group is made of: "slack S0SEC", "amy, ben", "any of leads, ada without payments".
std::string source_of(const core::GroupRecord& group) {
    auto people = [](const core::GroupRecord::People& listed) {
        std::vector<std::string> names;
        for (const core::PersonId& one : listed.people) names.emplace_back(one.text());
        return join(names, ", ");
    };
    auto in_chat = [](const core::GroupRecord::InChat& chat) {
        return fmt::format("{} {}", core::name_of(chat.chat), chat.id);
    };
    auto combined = [](const core::GroupRecord::Combined& made) {
        auto list = [](const std::vector<core::GroupRecord::Combined::Part>& parts) {
            std::vector<std::string> names;
            for (const auto& part : parts)
                names.push_back(std::visit([](const auto& one) { return std::string{one.text()}; }, part));
            return join(names, ", ");
        };
        const bool any = made.how == core::GroupRecord::Combined::How::any;
        return fmt::format("{} of {}{}", any ? "any" : "all", list(made.of),
                           made.except.empty() ? "" : " without " + list(made.except));
    };
    auto on_call = [](const core::GroupRecord::OnCall& one) { return "on call: " + one.key(); };
    return std::visit(Overload{people, in_chat, combined, on_call}, group.members);
}

class Comparison {
  public:
    Comparison(const core::Policy& older, const core::Policy& newer) : older_(older), newer_(newer) {}

    void look(const core::Request& request) {
        const auto before = core::match(older_, request, std::nullopt, request.created_at);
        const auto after = core::match(newer_, request, std::nullopt, request.created_at);
        for (const std::string& what : looser(after, before)) tell(Direction::easier, request, what);
        for (const std::string& what : looser(before, after))
            tell(Direction::harder, request, turned(before, after, what));
        look_beyond(request, before, after);
    }
    // What becomes of it once the budgets that it counts toward are spent.
    void look_beyond(const core::Request& request, const Result<Applied>& before,
                     const Result<Applied>& after) {
        if (!before || !after || before->budgets.empty() || after->budgets.empty()) return;
        const auto was = beyond(older_, request, *before);
        const auto is = beyond(newer_, request, *after);
        for (const std::string& what : looser(is, was))
            tell(Direction::easier, request, "beyond its budget: " + what);
        for (const std::string& what : looser(was, is))
            tell(Direction::harder, request, "beyond its budget: " + turned(was, is, what));
    }
    // Whoever is in a group now and was not, or the other way round; of groups kept in a chat nothing is
    // known.
    void look_at_groups() {
        const auto had = members_of(older_);
        const auto has = members_of(newer_);
        for (const auto& [group, people] : has) {
            const auto before = had.find(group);
            if (before == had.end()) continue;
            for (const core::PersonId& one : people)
                if (!before->second.contains(one)) tell_of_member(Direction::easier, group, one, "is in");
            for (const core::PersonId& one : before->second)
                if (!people.contains(one)) tell_of_member(Direction::harder, group, one, "is no longer in");
        }
    }
    // Tells of groups that a chat has a part in, whose members are not known here, and which are made of
    // something else now.
    void look_at_sources() {
        const auto had = members_of(older_);
        const auto has = members_of(newer_);
        for (const core::GroupRecord& group : newer_.groups) {
            const auto before = std::ranges::find(older_.groups, group.name, &core::GroupRecord::name);
            if (before == older_.groups.end() || (had.contains(group.name) && has.contains(group.name)))
                continue;
            const std::string was = source_of(*before);
            const std::string is = source_of(group);
            if (was != is)
                add(Direction::easier,
                    fmt::format("group {} is {} instead of {}, so others may be in it", group.name.text(), is,
                                was),
                    {});
        }
    }
    // Whose accounts are whose: an account more votes as its person, and one that is nobody's any more counts
    // as somebody else, beside the person and for what the person asks.
    void look_at_people() {
        const auto had = accounts_of(older_);
        const auto has = accounts_of(newer_);
        for (const auto& [account, person] : has) {
            const auto before = had.find(account);
            const bool known = std::ranges::any_of(
                older_.people, [&](const core::PersonRecord& one) { return one.name == person; });
            if (before == had.end() && known)
                add(Direction::easier, fmt::format("{} is an account of {}", account.text(), person.text()),
                    {});
            if (before != had.end() && before->second != person)
                add(Direction::easier,
                    fmt::format("{} is {}'s and no longer {}'s", account.text(), person.text(),
                                before->second.text()),
                    {});
        }
        for (const auto& [account, person] : had)
            if (!has.contains(account))
                add(Direction::easier,
                    fmt::format("{} is no longer {}'s, and counts as somebody else", account.text(),
                                person.text()),
                    {});
    }
    std::vector<PolicyDifference> take() {
        std::vector<PolicyDifference> sorted;
        for (const Direction direction : {Direction::easier, Direction::harder})
            for (const PolicyDifference& one : found_)
                if (one.direction == direction) sorted.push_back(one);
        return sorted;
    }

  private:
    static Result<Applied> beyond(const core::Policy& policy, const core::Request& request,
                                  const Applied& applied) {
        std::vector<core::HeldBack> spent;
        for (const core::Budget& one : applied.budgets)
            spent.push_back({core::HeldBack::Kind::budget, one, "its budget is spent"});
        const core::Directory offline{
            std::shared_ptr<const core::Policy>{std::shared_ptr<const core::Policy>{}, &policy}, {}};
        return core::match(offline, request, std::nullopt, request.created_at, spent);
    }
    using People = std::set<core::PersonId>;
    static std::map<core::GroupId, People> members_of(const core::Policy& policy) {
        std::map<core::GroupId, People> all;
        const core::Directory offline{
            std::shared_ptr<const core::Policy>{std::shared_ptr<const core::Policy>{}, &policy}, {}};
        for (const core::GroupRecord& group : policy.groups)
            if (auto members = offline.members(group.name))
                all[group.name] = People(members->begin(), members->end());
        return all;
    }
    static std::map<core::AccountId, core::PersonId> accounts_of(const core::Policy& policy) {
        std::map<core::AccountId, core::PersonId> all;
        for (const core::PersonRecord& person : policy.people)
            for (const core::AccountId& account : person.accounts) all.emplace(account, person.name);
        return all;
    }
    static std::string turned(const Result<Applied>& before, const Result<Applied>& after,
                              const std::string& what) {
        const bool outcome =
            what.find(" instead of ") != std::string::npos && outcome_of(before) != outcome_of(after);
        return outcome ? instead(after, before) : "no longer so: " + what;
    }
    void tell_of_member(Direction direction, const core::GroupId& group, const core::PersonId& person,
                        std::string_view verb) {
        add(direction, fmt::format("{} {} group {}", person.text(), verb, group.text()), {});
    }
    void tell(Direction direction, const core::Request& request, const std::string& what) {
        add(direction, fmt::format("{}: {}", place_of(request), what), example_of(request));
    }
    void add(Direction direction, std::string sentence, Value example) {
        if (found_.size() >= policy_differences_max || !told_.insert({direction, sentence}).second) return;
        auto id = sha256_hex(sentence).substr(0, 8);
        found_.push_back({direction, std::move(sentence), std::move(example), std::move(id)});
    }

    const core::Policy& older_;
    const core::Policy& newer_;
    std::set<std::pair<Direction, std::string>> told_;
    std::vector<PolicyDifference> found_;
};

}  // namespace

std::vector<PolicyDifference> policy_differences(const core::Policy& older, const core::Policy& newer,
                                                 const std::vector<core::Request>& more) {
    Comparison comparison{older, newer};
    comparison.look_at_groups();
    comparison.look_at_sources();
    comparison.look_at_people();
    for (const core::Request& request : more) comparison.look(request);
    for (const core::Request& request : policy::Samples{{&older, &newer}}.make()) comparison.look(request);
    return comparison.take();
}

std::vector<PolicyMatrixRow> policy_matrix(const core::Policy& policy,
                                           const std::vector<core::Request>& more) {
    std::map<std::pair<std::string, std::string>, std::set<std::string>> rows;
    auto look = [&](const core::Request& request) {
        const auto applied = core::match(policy, request, std::nullopt, request.created_at);
        std::string outcome = outcome_of(applied);
        if (applied && core::asks_history(*applied)) outcome += history_text(*applied);
        rows[{request.action, request.environment.value_or("")}].insert(std::move(outcome));
    };
    for (const core::Request& request : more) look(request);
    for (const core::Request& request : policy::Samples{{&policy}}.make()) look(request);
    std::vector<PolicyMatrixRow> all;
    for (auto& [place, outcomes] : rows)
        all.push_back(
            {place.first, place.second, std::vector<std::string>(outcomes.begin(), outcomes.end())});
    return all;
}

}  // namespace countersign
